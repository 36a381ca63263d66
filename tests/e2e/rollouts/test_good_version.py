"""A good version reaches all requests by itself, and costs nobody an answer."""

import time

import pytest

from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.versions import drop
from tests.e2e.rollouts.watching import phase, rollout, wait_for
from tests.support.stack import wait_until

pytestmark = pytest.mark.triton


def test_from_its_drop_until_the_old_one_is_retired_every_request_is_answered(stack, repository):
    """Nobody orders anything, and no client notices anything."""
    before = stack.triton_pid
    with SteadyTraffic(stack.http) as clients:
        drop(repository, 2, "good")
        wait_for(stack, 2, "live")
        assert phase(stack, 1) == "retired"
        wait_until(lambda: _versions_ready(stack) == [2], "version 1 is unloaded")
        time_of_last = time.monotonic()
        wait_until(
            lambda: any(one.at_s > time_of_last + 0.5 for one in clients.traffic.answers),
            "more answers",
        )
    assert clients.traffic.failed == []
    tracks = clients.traffic.tracks()
    assert tracks["canary"] > 20
    assert tracks["stable"] > 20
    assert stack.triton_pid == before
    assert {one.rerouted for one in clients.traffic.answers} == {""}
    record = rollout(stack)
    assert (record["stable"], record["previous"], record["rollout"]) == (2, None, None)


def test_every_act_is_audited(stack, repository):
    """Each change of phase is kept, with who did it and why; phases follow the table."""
    with SteadyTraffic(stack.http):
        drop(repository, 2, "good")
        wait_for(stack, 2, "live")
    entries = stack.ask_admin("GET", "/audit?target=models/twice&limit=100")["entries"]
    actions = [one["action"] for one in reversed(entries)]
    wanted = ["detected", "staged", "verifying", "loading", "canary", "promoting", "live"]
    assert [one for one in actions if one in wanted] == wanted
    assert all(one["reason"] for one in entries)


def test_after_a_restart_the_promoted_version_is_served(stack, repository):
    """What has been decided outlives everything: the config on disk names the good version."""
    with SteadyTraffic(stack.http):
        drop(repository, 2, "good")
        wait_for(stack, 2, "live")
        wait_until(lambda: _versions_ready(stack) == [2], "version 1 is unloaded")
    stack.stop()
    stack.start()
    assert _versions_ready(stack) == [2]
    with SteadyTraffic(stack.http) as clients:
        wait_until(lambda: len(clients.traffic.answers) > 50, "answers")
    assert clients.traffic.failed == []
    assert {one.version for one in clients.traffic.answers if one.version} == {"2"}


def _versions_ready(stack) -> list[int]:
    models = stack.status()["models"]
    return sorted(one["version"] for one in models if one["model"] == "twice" and one["ready"])
