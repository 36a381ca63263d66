"""``seawall rollout``, against a real admin API."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from control.cli.rollout_view import in_words, view_of
from control.cli.terminal import out
from tests.support.fake_admin import FakeAdmin
from tests.support.stack import ROOT

_TIMEOUT_S = 30.0


def told(result):
    """What a changing command says: to people, and nothing to scripts."""
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    return result.stderr.strip()


def document(run, model: str):
    """What a model's rollout is to scripts."""
    result = run("rollout", "status", model, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rows(result):
    """The cells of each row of the table."""
    assert result.exit_code == 0, result.output
    found = [line.split("│")[1:-1] for line in result.stdout.splitlines() if "│" in line]
    return [[cell.strip() for cell in cells] for cells in found]


def reason_of(run, model: str):
    """The reason of the last act on a model, as the trail has it."""
    return json.loads(run("audit", "--target", f"models/{model}", "--json").stdout)["entries"][0][
        "reason"
    ]


def test_status_shows_versions_and_the_rollout(run):
    """Each version with phase, weight and why; step, weight, both tracks' counts, and verdict."""
    result = run("rollout", "status", "m")
    assert rows(result) == [
        ["m", "1", "live", "95 %", "2023-11-14 22:13:20Z", "it was there at the first start", ""],
        ["m", "2", "canary", "5 %", "2023-11-14 22:13:20Z", "it answers 5 % of the requests", ""],
        ["m", "3", "rejected", "", "2023-11-14 22:13:20Z", "it does not load: no model.py", "gone"],
    ]
    text = " ".join(result.stdout.split())
    assert "m version 2 is canary step 1 of 3 (5, 20, 50 %) weight" in text
    assert "canary 21 calls, 1 failed, 0 crashed, 2 of 12 slower than stable" in text
    assert "stable 400 calls, 3 failed" in text
    assert "verdict inconclusive: 21 of 30 calls judged" in text


def test_status_without_a_model_shows_all(run):
    """Also models of which nothing is under way."""
    models = {row[0] for row in rows(run("rollout", "status"))}
    assert {"m", "old"} <= models
    listed = json.loads(run("rollout", "status", "--json").stdout)["models"]
    assert {one["model"] for one in listed} == models


def test_json_is_the_whole_document(run):
    """Scripts get what the API says."""
    assert set(document(run, "old")) == {
        "model", "revision", "stable", "previous", "versions", "rollout",
    }  # fmt: skip


def test_a_rollout_is_paused_and_resumed(run):
    """The command says how it stands then; the reason is in the trail."""
    result = run("rollout", "pause", "paused", "--reason", "lunch")
    assert told(result) == "model 'paused' version 2: canary at 5 %, paused"
    assert reason_of(run, "paused") == "lunch"
    assert "version 2 is canary, paused" in run("rollout", "status", "paused").stdout
    again = run("rollout", "pause", "paused")
    assert again.exit_code == 2
    assert "is paused already" in again.stderr
    result = run("rollout", "resume", "paused")
    assert told(result) == "model 'paused' version 2: canary at 5 %"


def test_a_weight_is_set(run):
    """With a fraction where one likes."""
    result = run("rollout", "weight", "weighted", "12.5", "--reason", "more")
    assert told(result) == "model 'weighted' version 2: canary at 12.5 %, its weight set by hand"
    assert document(run, "weighted")["rollout"]["weight"] == 12.5
    assert reason_of(run, "weighted") == "more"


@pytest.mark.parametrize("percent", ["101", "nan", "inf", "x", "-1"])
def test_a_weight_is_a_percentage(run, percent):
    """Anything else is refused before it is sent."""
    result = run("rollout", "weight", "weighted", "--", percent)
    assert result.exit_code == 2


def test_a_version_is_promoted(run):
    """Whatever steps are left."""
    result = run("rollout", "promote", "promoted", "--reason", "good")
    assert told(result).startswith("model 'promoted' version 2: promoting at ")
    assert reason_of(run, "promoted") == "good"


def test_a_version_is_rolled_back_and_started_anew(run):
    """Nothing is under way after the one, and something is after the other."""
    result = run("rollout", "rollback", "rolled", "--reason", "bad")
    assert told(result) == "model 'rolled': version 1 is stable"
    again = run("rollout", "rollback", "rolled")
    assert again.exit_code == 2
    assert "no version is being rolled out" in again.stderr
    result = run("rollout", "start", "rolled", "2", "--reason", "mended")
    assert told(result) == "model 'rolled' version 2: detected at 0 %"
    assert "none yet of 3 (5, 20, 50 %)" in run("rollout", "status", "rolled").stdout
    assert reason_of(run, "rolled") == "mended"


@pytest.mark.parametrize("command", [["pause"], ["promote"], ["rollback"], ["weight", "50"]])
def test_an_order_may_say_which_version_it_means(run, command):
    """While one types, it may be taken back, and the next one begin."""
    verb, *rest = command
    refused = run("rollout", verb, "m", *rest, "--version", "3")
    assert refused.exit_code == 2
    told_why = refused.stderr.strip()
    assert told_why == "seawall: model 'm': version 2 is being rolled out, not version 3"
    assert document(run, "m")["rollout"]["phase"] == "canary"
    assert "version 2" in told(run("rollout", "weight", "m", "5", "--version", "2"))


@pytest.mark.parametrize(
    "command",
    [["status"], ["pause"], ["resume"], ["promote"], ["rollback"], ["start", 2], ["weight", 5]],
)
def test_an_unknown_model_is_told(run, command):
    """By its name."""
    verb, *rest = command
    result = run("rollout", verb, "no", *map(str, rest))
    assert result.exit_code == 2
    assert result.stderr.strip() == "seawall: there is no model 'no'"


def test_watching_is_not_for_scripts(run):
    """One of both is given."""
    result = run("rollout", "status", "--watch", "--json")
    assert result.exit_code == 2
    assert "give one of them" in result.stderr


def test_a_model_without_a_stable_version_is_told_as_that():
    """Its first version was rejected, say."""
    one = {"model": "m", "rollout": None, "stable": None, "versions": []}
    assert in_words(one) == "model 'm': no version is stable"


def test_what_models_say_does_not_steer_the_terminal():
    """A reason may be what a model's code has raised."""
    version = {
        "version": 1, "phase": "rejected", "since": "", "fault": "",
        "reason": "\x1b[2J\x07[red]bad",
    }  # fmt: skip
    one = {"model": "m", "rollout": None, "stable": None, "versions": [version]}
    with out.capture() as captured:
        out.print(view_of([one]))
    assert "\x1b[2J" not in captured.get()
    assert "\x07" not in captured.get()
    assert "[red]bad" in captured.get()


def test_what_is_in_the_way_of_a_rollout_is_shown(run):
    """Only where there is anything."""
    one = document(run, "m")
    assert "held up by" not in run("rollout", "status", "m").stdout
    one["rollout"]["held_up_by"] = "No space left on device"
    with out.capture() as captured:
        out.print(view_of([one]))
    assert "held up by No space left on device" in " ".join(captured.get().split())


class Terminal:
    """A command that runs in a terminal of its own."""

    def __init__(self, directory, *arguments: str) -> None:
        self._screen, inside = pty.openpty()
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "200"}
        self.process = subprocess.Popen(
            # Shells have what runs in the background ignore Ctrl-C, and tests may run there.
            ["env", "--default-signal=INT", sys.executable, "-m", "control", *arguments],
            cwd=directory, env=environ, stdin=inside, stdout=inside, stderr=inside,
        )  # fmt: skip
        os.close(inside)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        """Read what comes until a text is there, after what has been waited for before."""
        self._read_until(lambda: text in self.seen, f"{text!r} comes")
        self.seen = self.seen.split(text, 1)[1]

    def end(self) -> int:
        """Press Ctrl-C; give the exit status."""
        self.process.send_signal(signal.SIGINT)
        try:
            # Goes on to read: a process whose terminal is full does not end.
            self._read_until(lambda: self.process.poll() is not None, "it ends")
            return self.process.returncode
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self._screen)

    def _read_until(self, is_there, what: str) -> None:
        deadline_s = time.monotonic() + _TIMEOUT_S
        while not is_there():
            ready, _, _ = select.select([self._screen], [], [], 0.1)
            with contextlib.suppress(OSError):  # nobody has it open any more
                if ready:
                    self.seen += os.read(self._screen, 65536).decode("utf-8", "replace")
            assert time.monotonic() < deadline_s, f"not {what}:\n{self.seen[-3000:]}"


def test_watching_goes_on_until_one_ends_it(run, tmp_path):
    """It shows what is new, outlives a controller that is away, and ends with Ctrl-C and 0."""
    first = document(run, "m")
    with FakeAdmin(first) as admin:
        admin.write_settings(tmp_path / "seawall.toml")
        terminal = Terminal(tmp_path, "rollout", "status", "m", "--watch")
        try:
            terminal.wait_for("21 calls")
            counts = {**first["rollout"]["counts"], "calls": 777}
            admin.document = {**first, "rollout": {**first["rollout"], "counts": counts}}
            terminal.wait_for("777 calls")
            admin.status = 503
            terminal.wait_for("status 503")
            admin.document = {"hello": "there"}
            admin.status = 200
            terminal.wait_for("is not Seawall's controller")
            admin.document = {**first, "rollout": None}
            terminal.wait_for("it does not load")
        finally:
            assert terminal.end() == 0


def test_history_shows_what_has_ended(run):
    """Each attempt with its end, and why."""
    assert run("rollout", "rollback", "m", "--reason", "not good").exit_code == 0
    (past,) = rows(run("rollout", "history", "m"))
    assert past[:3] == ["2", "rolled_back", "5 %"]
    assert past[-1] == "not good"
    listed = json.loads(run("rollout", "history", "m", "--json").stdout)
    assert [one["outcome"] for one in listed["rollouts"]] == ["rolled_back"]
