"""The command line's tokens and quotas, against a real admin API."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from control.cli import app
from control.cli.durations import parse_duration
from control.runtime import RuntimePaths
from tests.support.admin_server import AdminServer
from tests.support.stack import free_port

Run = Callable[..., Result]
CREATE = ["token", "create", "--name", "batch", "--tenant", "acme"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminServer]:
    """A running admin API."""
    with AdminServer(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture
def token_file(tmp_path: Path, server: AdminServer) -> Path:
    """The operator's token where the launcher puts it."""
    file = RuntimePaths(tmp_path / "var").operator_token
    file.parent.mkdir(parents=True)
    file.write_text(server.operator_token)
    return file


@pytest.fixture
def run(
    tmp_path: Path, server: AdminServer, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run a command where a Seawall's settings and state are."""
    assert token_file.exists()
    (tmp_path / "seawall.toml").write_text(f'[admin]\nhttp = "{server.address}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def listed(run: Run, group: str) -> list[dict[str, Any]]:
    """What a list command gives to scripts."""
    result = run(group, "list", "--json")
    assert result.exit_code == 0, result.output
    (entries,) = json.loads(result.stdout).values()
    return list(entries)


def test_a_created_token_alone_is_on_stdout(run):
    """``TOKEN=$(seawall token create ...)`` works; what people must know is on stderr."""
    result = run(*CREATE, "--scope", "read", "--scope", "infer:m", "--expires", "30d",
                 "--requests-per-second", "5", "--concurrent", "2")  # fmt: skip
    assert result.exit_code == 0, result.output
    token = result.stdout.removesuffix("\n")
    token_id = token.split("_")[1]
    assert token.startswith("sw_")
    assert "\n" not in token
    assert f"token {token_id} for tenant 'acme'" in result.stderr
    assert token not in result.stderr
    (about,) = (one for one in listed(run, "token") if one["token_id"] == token_id)
    assert (about["scopes"], about["expired"]) == (["infer:m", "read"], False)
    assert (about["quota"]["requests_per_second"], about["quota"]["concurrent"]) == (5, 2)
    assert token.split("_", 2)[2] not in json.dumps(about)


def test_tokens_are_listed_and_revoked(run):
    """A table for people; a revoked token is not in it any longer."""
    token_id = run(*CREATE, "--scope", "infer:*").stdout.split("_")[1]
    table = run("token", "list").stdout
    (row,) = (line for line in table.splitlines() if token_id in line)
    assert [part.strip() for part in row.split("│")[1:-1]] == [
        token_id, "batch", "acme", "infer:*", "never", "no limit",
    ]  # fmt: skip
    result = run("token", "revoke", token_id)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"token {token_id} is revoked" in result.stderr
    assert token_id not in run("token", "list").stdout
    again = run("token", "revoke", token_id)
    assert again.exit_code == 2
    assert f"there is no token '{token_id}'" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scope", "write"], "allowed are infer:<model>, infer:*, priority:high, read, admin"),
        (["--scope", "read", "--expires", "soon"], "write 90s, 15m, 12h, 30d or 8w"),
        (["--scope", "read", "--expires", "9999w"], "expires_in_seconds: "),
        (["--scope", "read", "--concurrent", "0"], "quota.concurrent: "),
    ],
)
def test_what_is_wrong_is_told(run, arguments, message):
    """The API's own words reach whoever types the command; nothing is made."""
    before = len(listed(run, "token"))
    result = run(*CREATE, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(listed(run, "token")) == before


def test_quotas_are_set_listed_and_removed(run):
    """For one tenant, whole; odd names reach the API as they are."""
    result = run("quota", "set", "auth0|5f7c", "--tokens-per-minute", "1000", "--concurrent", "2")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "may use: 1000 tokens per minute, 2 concurrent" in result.stderr
    (entry,) = (one for one in listed(run, "quota") if one["tenant"] == "auth0|5f7c")
    assert (entry["tokens"], entry["quota"]["tokens_per_minute"]) == (0, 1000)
    assert "1000 tokens per minute, 2 concurrent" in run("quota", "list").stdout
    assert run("quota", "remove", "auth0|5f7c").exit_code == 0
    again = run("quota", "remove", "auth0|5f7c")
    assert again.exit_code == 2
    assert "tenant 'auth0|5f7c' has no quota" in again.stderr


def test_a_quota_of_nothing_is_no_quota(run):
    """Without a limit there is nothing to set: the message says how to lift all of them."""
    result = run("quota", "set", "acme")
    assert result.exit_code == 2
    assert "seawall quota remove" in result.stderr


@pytest.mark.parametrize("tenant", ["a/b", "../tokens", "a?b", "a b", ""])
def test_a_name_never_becomes_a_path(run, tenant):
    """What is typed as a name stays one: another endpoint is never reached."""
    result = run("quota", "set", tenant, "--concurrent", "1")
    assert result.exit_code == 2
    assert result.stderr.startswith("seawall: ")


def test_without_the_operators_token_the_message_says_where_it_would_be(run, token_file):
    """Somebody on the wrong state directory learns which one was looked at."""
    token_file.unlink()
    result = run("token", "list")
    assert result.exit_code == 2
    assert str(token_file) in result.stderr
    assert "SEAWALL_ADMIN_TOKEN" in result.stderr


def test_a_token_of_ones_own_comes_first(run, token_file, monkeypatch):
    """For a Seawall elsewhere the environment brings the token; the state directory is not read."""
    reader = run(*CREATE, "--scope", "read").stdout.strip()
    token_file.unlink()
    monkeypatch.setenv("SEAWALL_ADMIN_TOKEN", reader)
    assert run("token", "list").exit_code == 0
    refused = run("token", "revoke", reader.split("_")[1])
    assert refused.exit_code == 2
    assert "lacks the scope admin" in refused.stderr
    monkeypatch.setenv("SEAWALL_ADMIN_TOKEN", "hunter2")
    wrong = run("status")
    assert wrong.exit_code == 2
    assert "hunter2" not in wrong.output


def test_no_controller_is_a_plain_message(run, tmp_path):
    """The message names the address that was tried, and shows no token."""
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "seawall.toml").write_text(f'[admin]\nhttp = "{address}"\n')
    for command in (["token", "list"], ["quota", "list"], [*CREATE, "--scope", "read"]):
        result = run(*command)
        assert result.exit_code == 2
        assert f"no answer from http://{address}/admin/v1/" in result.stderr
        assert "sw_" not in result.output


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("8w", 4_838_400)],
)
def test_lengths_of_time(text, seconds):
    """Seconds, minutes, hours, days and weeks."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5h", "1 d", "1D", "1y", "٣d"])
def test_anything_else_is_no_length_of_time(text):
    """The message shows every unit that there is."""
    with pytest.raises(ValueError, match="90s, 15m, 12h, 30d or 8w"):
        parse_duration(text)
