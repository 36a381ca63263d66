from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from control.cli import app
from control.runtime import RuntimePaths
from tests.support.admin_server import AdminServer

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminServer]:
    """A running admin API, with one gateway that reports."""
    with AdminServer(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, server: AdminServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command where a Seawall's settings and state are."""
    token = RuntimePaths(tmp_path / "var").operator_token
    token.parent.mkdir(parents=True)
    token.write_text(server.operator_token)
    (tmp_path / "seawall.toml").write_text(f'[admin]\nhttp = "{server.address}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))
