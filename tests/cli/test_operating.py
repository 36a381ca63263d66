"""``seawall limits``, ``breaker``, ``cache`` and ``audit``, against a real admin API."""

import json

import pytest


def document(run, *arguments: str):
    """What a reading command gives to scripts."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def row(result, version="1"):
    """The cells of a version's row."""
    assert result.exit_code == 0, result.output
    rows = [line.split("│")[1:-1] for line in result.stdout.splitlines() if "│" in line]
    (cells,) = [one for one in rows if one[0].strip() == version]
    return [cell.strip() for cell in cells]


def told(result):
    """What a changing command says: to people, and nothing to scripts."""
    assert (result.exit_code, result.stdout) == (0, "")
    return result.stderr.strip()


def trail(run):
    """The audit trail of the model."""
    return document(run, "audit", "--target", "models/m")["entries"]


def test_limits_are_set_shown_and_unset(run):
    """Ordered for a version, seen beside what its gateways do, and taken back."""
    result = run("limits", "set", "m", "--version", "1", "--concurrency", "4",
                 "--max-queue-size", "0", "--reason", "too slow")  # fmt: skip
    assert told(result) == "model 'm' version 1: concurrency 4, max queue size 0"
    assert row(run("limits", "show", "m")) == [
        "1", "", "concurrency 4, max queue size 0", "4711", "8", "3", "1",
        "4 delay, 2 memory", "12.5",
        "250 of 1000 bytes",
    ]  # fmt: skip
    (version,) = document(run, "limits", "show", "m")["versions"]
    assert version["in_force"]["concurrency"] == 4
    assert told(run("limits", "unset", "m", "--version", "1", "--reason", "fast again")) == (
        "model 'm' version 1: no limits are ordered any longer"
    )
    again = run("limits", "unset", "m", "--version", "1")
    assert again.exit_code == 2
    assert "no limits are ordered of model 'm' version 1" in again.stderr
    assert [one["reason"] for one in trail(run)[:2]] == ["fast again", "too slow"]


def test_an_order_of_no_limits_is_none(run):
    """The message says how to take all of them back."""
    result = run("limits", "set", "m", "--version", "1")
    assert result.exit_code == 2
    assert "seawall limits unset" in result.stderr


@pytest.mark.parametrize(
    ("command", "mode"),
    [("force-open", "forced_open"), ("disable", "disabled"), ("metrics-only", "metrics_only")],
)
def test_breakers_are_ordered_and_reset(run, command, mode):
    """Each order has its command, and one command ends them all."""
    result = run("breaker", command, "m", "--version", "1", "--reason", "a test")
    assert told(result) == f"model 'm' version 1: the breaker is {mode}"
    assert row(run("breaker", "show", "m")) == [
        "1", mode, "4711", "open", "62.5", "0.0", "40", "4.2", "failure rate 62.5 %",
    ]  # fmt: skip
    assert (trail(run)[0]["after"]["breaker"], trail(run)[0]["reason"]) == (mode, "a test")
    assert told(run("breaker", "reset", "m", "--version", "1")) == (
        "model 'm' version 1: the breaker is reset"
    )
    (version,) = document(run, "breaker", "show", "m")["versions"]
    assert version["mode_in_force"] == "automatic"


def test_what_cannot_be_is_told(run):
    """A version is not automatic against an order on its whole model."""
    assert told(run("breaker", "force-open", "m")) == "model 'm': the breaker is forced_open"
    refused = run("breaker", "reset", "m", "--version", "1")
    assert refused.exit_code == 2
    assert "version 1 alone cannot be automatic" in refused.stderr
    assert told(run("breaker", "reset", "m")) == "model 'm': the breaker is reset"


def test_caches_are_shown_and_purged(run):
    """What each gateway holds; a purge is one more command."""
    before = document(run, "cache", "show", "m")["versions"][0]["purges"]
    assert told(run("cache", "purge", "m", "--reason", "new labels")) == (
        "model 'm': no cached answers are left"
    )
    assert row(run("cache", "show", "m")) == ["1", "", "4711", "2", "900", "5", "7", "1"]
    assert document(run, "cache", "show", "m")["versions"][0]["purges"] == before + 1
    assert trail(run)[0]["reason"] == "new labels"


def test_the_trail_says_what_has_changed(run):
    """A row for each act: who, what, from what to what; older ones on request."""
    run("quota", "set", "acme", "--concurrent", "3")
    run("quota", "set", "acme", "--concurrent", "5")
    result = run("audit", "--target", "tenants/acme", "--limit", "1")
    number, _, who, *rest = row(result, str(document(run, "audit")["entries"][0]["id"]))
    assert rest == ["quota_set", "tenants/acme", "concurrent: 3 → 5", ""]
    assert who.endswith("(operator)")
    assert f"--before {number}" in result.stderr
    older = run("audit", "--target", "tenants/acme", "--limit", "1", "--before", number)
    assert "concurrent: none → 3" in older.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["limits", "show"],
        ["limits", "unset"],
        ["limits", "set", "--concurrency", "1"],
        ["breaker", "show"],
        ["breaker", "force-open"],
        ["breaker", "reset"],
        ["cache", "show"],
        ["cache", "purge"],
    ],
)
def test_an_unknown_model_is_told(run, command):
    """Also one whose name looks like a path."""
    for model in ("no", "../m"):
        group, verb, *options = command
        result = run(group, verb, model, *options)
        assert result.exit_code == 2
        assert result.stderr.startswith("seawall: ")
    unknown = run(*command[:2], "no", *command[2:])
    assert unknown.stderr.strip() == "seawall: there is no model 'no'"


def test_what_is_no_limit_is_told(run):
    """The API's own words reach whoever types the command."""
    result = run("limits", "set", "m", "--deadline-ms", "0")
    assert result.exit_code == 2
    assert "deadline_ms: Input should be greater than or equal to 1" in result.stderr
