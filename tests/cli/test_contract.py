"""``seawall contract``, against a controller that is none."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from control.cli import app
from tests.support.fake_admin import FakeAdmin
from tests.support.stack import ROOT

PROPOSAL: dict[str, Any] = {
    "model": "m",
    "version": 2,
    "file": "contract.yaml",
    "requests": 9000,
    "sketched": 800,
    "contract": "inputs:\n  T:\n    max_chars: 44\n",
    "diff": "--- a/m/contract.yaml\n+++ b/m/contract.yaml\n@@ -1 +1 @@\n-a\n+" + "b" * 300 + "\n",
    "notes": ["no request carried input [X]"],
}


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[FakeAdmin]:
    """A controller that the settings name."""
    with FakeAdmin(PROPOSAL) as fake:
        fake.write_settings(tmp_path / "seawall.toml")
        yield fake


@pytest.fixture
def learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the command in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["contract", "learn", *arguments])


def test_the_diff_is_printed_as_it_is(admin: FakeAdmin, learn: Callable[..., Any]) -> None:
    """What is not a terminal gets a patch, byte for byte; what it rests on goes to stderr."""
    result = learn("m")
    assert result.exit_code == 0, result.output
    assert result.stdout == PROPOSAL["diff"]
    assert "model 'm' version 2: learned from 800 of 9000 requests" in result.stderr
    assert "note: no request carried input [X]" in result.stderr
    assert admin.asked == ["/admin/v1/models/m/contract/proposal"]


def test_options_become_the_query(admin: FakeAdmin, learn: Callable[..., Any]) -> None:
    """Version and least number of requests are the controller's to judge."""
    learn("a/b", "--version", "3", "--min-requests", "50")
    assert admin.asked == ["/admin/v1/models/a%2Fb/contract/proposal?version=3&min_requests=50"]


def test_json_is_the_whole_document(admin: FakeAdmin, learn: Callable[..., Any]) -> None:
    """Scripts get what the controller said."""
    assert json.loads(learn("m", "--json").stdout) == admin.document


def test_the_proposed_file_is_written_where_one_says(
    admin: FakeAdmin, learn: Callable[..., Any], tmp_path: Path
) -> None:
    """The whole file, and only there; the diff is printed all the same."""
    result = learn("m", "--write", "proposed.yaml")
    assert (tmp_path / "proposed.yaml").read_text() == admin.document["contract"]
    assert result.stdout == PROPOSAL["diff"]
    failed = learn("m", "--write", "no/such/folder/file")
    assert failed.exit_code == 2
    assert "'no/such/folder/file' cannot be written" in failed.stderr


def test_nothing_new_is_said_in_words(admin: FakeAdmin, learn: Callable[..., Any]) -> None:
    """An empty diff is no answer to a person."""
    admin.document = {**PROPOSAL, "diff": ""}
    result = learn("m")
    assert result.stdout == ""
    assert "the present contract says all of it already" in result.stderr


def test_a_refusal_is_told(admin: FakeAdmin, learn: Callable[..., Any]) -> None:
    """Too little traffic is the controller's sentence, and a failure."""
    admin.status, admin.document = 409, {"error": "too little traffic", "code": "conflict"}
    result = learn("m")
    assert result.exit_code == 2
    assert "too little traffic" in result.stderr
    admin.status, admin.document = 200, {"hello": "there"}
    assert "is not Seawall's controller" in learn("m").stderr


def test_a_terminal_gets_colours(admin: FakeAdmin, tmp_path: Path) -> None:
    """Added and removed lines are told apart at a glance."""
    done = subprocess.run(
        [sys.executable, "-m", "control", "contract", "learn", "m"],
        cwd=tmp_path,
        env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert admin.asked
    assert "\x1b[" in done.stdout
