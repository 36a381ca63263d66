"""The command line, against a controller that is none."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from control.cli import app
from tests.support.fake_admin import FakeAdmin
from tests.support.stack import free_port

STATUS: dict[str, Any] = {
    "version": "0",
    "uptime_seconds": 1.5,
    "revision": 42,
    "gateways": 2,
    "access": {"tokens": 3, "tenants": 1, "jwt_keys": 0, "jwks_fault": ""},
    "triton": {"up": True, "reason": ""},
    "models": [
        {"model": "embed", "version": 1, "ready": True, "reason": ""},
        {"model": "faulty", "version": 3, "ready": False, "reason": "its process died"},
    ],
}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., FakeAdmin]]:
    """Start fake controllers; each ends with the test."""
    with ExitStack() as started:

        def start(document: object, status: int = 200) -> FakeAdmin:
            admin = started.enter_context(FakeAdmin(document, status))
            admin.write_settings(tmp_path / "settings.toml")
            return admin

        yield start


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in an empty directory, with ``settings.toml`` where a fake wrote one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return invoke


def test_status_shows_triton_gateways_and_models(run, serve):
    """One look tells what runs, and of each version whether it is ready and why not."""
    admin = serve(STATUS)
    result = run("status", "--config", "settings.toml")
    assert result.exit_code == 0
    assert "triton up, 2 gateway(s), revision 42" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["│", "embed", "│", "1", "│", "yes", "│", "│"] in rows
    assert "its process died" in result.stdout
    assert admin.asked == ["/admin/v1/status"]


def test_status_says_why_triton_is_down(run, serve):
    """A Triton that is away is told with the controller's reason."""
    serve({**STATUS, "triton": {"up": False, "reason": "tritonserver is not running"}})
    result = run("status", "--config", "settings.toml")
    assert "triton down (tritonserver is not running), 2 gateway(s)" in result.stdout


def test_status_as_json_is_the_document(run, serve):
    """Scripts get what the controller said, whole."""
    serve(STATUS)
    result = run("status", "--json", "--config", "settings.toml")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == STATUS


@pytest.mark.parametrize("reason", ["[/bold] no", "[red]x[/red]", "see [a.py] :boom:", "[Errno 2]"])
def test_a_reason_is_shown_as_it_is(run, serve, reason):
    """Models and Triton word their reasons freely: nothing in them is markup."""
    models = [{"model": "m", "version": 1, "ready": False, "reason": reason}]
    serve({**STATUS, "triton": {"up": False, "reason": reason}, "models": models})
    result = run("status", "--config", "settings.toml")
    assert result.exit_code == 0, result.exception
    assert result.stdout.count(reason) == 2


def test_no_answer_is_a_plain_message(run, tmp_path):
    """Where no controller listens the command says which address it tried, and fails."""
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "seawall.toml").write_text(f'[admin]\nhttp = "{address}"\n')
    result = run("status")
    assert result.exit_code == 2
    assert f"no answer from http://{address}/admin/v1/status" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("body", "status"), [(b"hello", 200), (b"", 200), (b"{}", 503)])
def test_what_is_no_status_is_no_answer(run, serve, body, status):
    """Somebody else on the controller's port is told as that, not as a crash of ours."""
    serve(body, status)
    result = run("status", "--config", "settings.toml")
    assert result.exit_code == 2
    assert "no answer from" in result.stderr


def test_the_controller_is_asked_directly(run, serve, monkeypatch):
    """A proxy that the environment names is for the world outside, not for our own admin API."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "")
    serve(STATUS)
    assert run("status", "--config", "settings.toml").exit_code == 0


@pytest.mark.parametrize(
    "command", [["serve"], ["status"], ["status", "--json"], ["models", "fetch"]]
)
def test_a_bad_configuration_stops_every_command(run, tmp_path, command):
    """No command does anything on settings that are wrong; it names all of them."""
    (tmp_path / "bad.toml").write_text("[gateway]\nworkers = 0\nspeed = 1\n")
    result = run(*command, "--config", "bad.toml")
    assert result.exit_code == 2
    assert "gateway.workers" in result.stderr
    assert "gateway.speed" in result.stderr
    assert result.stdout == ""


def test_a_missing_file_that_was_named_is_an_error(run):
    """A settings file is optional only as long as nobody names one."""
    result = run("status", "--config", "absent.toml")
    assert result.exit_code == 2
    assert "absent.toml" in result.stderr


def test_a_repository_without_weights_needs_none(run, tmp_path):
    """Fetching for models that name no weights does nothing, and says so."""
    (tmp_path / "repository" / "m" / "1").mkdir(parents=True)
    result = run("models", "fetch", "--repository", "repository")
    assert result.exit_code == 0
    assert "0 file(s) put in place, 0 already there" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["models"]])
def test_no_command_is_a_call_for_help(run, arguments):
    """Whoever types the bare name learns what there is."""
    result = run(*arguments)
    assert "Usage" in result.output
