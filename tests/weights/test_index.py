import subprocess
import sys
from types import SimpleNamespace

import pytest

from control.weights import index as index_module
from control.weights.errors import WeightsError
from control.weights.index import Listing, index_url, parse_html, parse_json
from control.weights.transport import split_credentials


def test_the_environment_names_the_index_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """PIP_INDEX_URL wins, as it does for pip."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert index_url() == "https://mirror.example/simple"


def answer_of_pip(monkeypatch: pytest.MonkeyPatch, code: int, text: str) -> None:
    def run(command: list[str], **_: object) -> SimpleNamespace:
        assert command[:3] == [sys.executable, "-m", "pip"]
        return SimpleNamespace(returncode=code, stdout=text)

    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setattr(subprocess, "run", run)


def test_pips_configuration_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pip config` knows is used."""
    answer_of_pip(monkeypatch, 0, "https://configured.example/simple\n")
    assert index_url() == "https://configured.example/simple"


def test_pips_default_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any configuration the index is the one built into pip."""
    answer_of_pip(monkeypatch, 1, "")
    monkeypatch.setattr(index_module, "_default_index", lambda: "https://default.example/simple")
    assert index_url() == "https://default.example/simple"


def test_html_names_are_those_of_the_links() -> None:
    """Percent-encoding and fragments are read as the simple API means them."""
    body = b'<a href="f/a%2Bcpu.whl#sha256=ab">x</a><a href="https://o.example/b.whl#md5=c">y</a>'
    assert parse_html(body, "https://i.example/simple/p/") == {
        "a+cpu.whl": Listing("https://i.example/simple/p/f/a%2Bcpu.whl", "ab"),
        "b.whl": Listing("https://o.example/b.whl", None),
    }


@pytest.mark.parametrize("body", [b"[]", b"{}", b"not json", b'{"files": [{"url": "x"}]}'])
def test_a_page_that_is_no_index_is_refused(body: bytes) -> None:
    """A login page or a proxy's error is named as such."""
    with pytest.raises(WeightsError, match=r"https://i.example/ is no index page"):
        parse_json(body, "https://i.example/")


def test_only_http_is_spoken() -> None:
    """A file: or ftp: index is refused before anything is opened."""
    with pytest.raises(WeightsError, match="must be http or https, got 'file'"):
        split_credentials("file:///srv/simple")
