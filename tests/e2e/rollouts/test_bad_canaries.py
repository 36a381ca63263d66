"""Versions that are bad only in traffic: rolled back at once, and no client sees an error."""

from pathlib import Path

import pytest

from tests.e2e.rollouts.kinds import BAD_IN_TRAFFIC
from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.versions import drop, make_repository
from tests.e2e.rollouts.watching import phase, rollout, stopped_s, wait_for
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.triton

#: From what decided to the last answer of a canary, that may have been on its way.
_AT_MOST_S = 1.0


@pytest.mark.parametrize("kind", BAD_IN_TRAFFIC)
def test_a_version_that_is_bad_in_traffic_is_rolled_back_and_costs_no_answer(tmp_path, kind):
    """Its failures are answered by stable; its traffic ends within a second of the decision."""
    case = BAD_IN_TRAFFIC[kind]
    folder = tmp_path / "models"
    folder.mkdir()
    repository = make_repository(folder, case.contract, case.first)
    with Stack(repository) as stack, SteadyTraffic(stack.http) as clients:
        server = stack.triton_pid
        wait_until(lambda: len(clients.traffic.answers) > 100, "answers of version 1")
        drop(repository, 2, kind)
        known = wait_for(stack, 2, "rolled_back", "rejected", "live")
        assert phase(stack, 2) == "rolled_back", known["reason"]
        assert case.word in known["reason"]
        goal = len(clients.traffic.answers) + 100
        wait_until(lambda: len(clients.traffic.answers) > goal, "answers after the rollback")
        assert stack.triton_pid == server
        wait_until(lambda: not _processes_of(stack, 2), "its processes have ended", 60)
    assert clients.traffic.failed == []
    after = [one for one in clients.traffic.answers[goal - 50 :] if one.version]
    assert {one.version for one in after} == {"1"}
    decided_s, durable_s = stopped_s(stack)
    assert clients.traffic.last_canary_s() - decided_s <= _AT_MOST_S
    assert durable_s - decided_s <= _AT_MOST_S


def test_a_rolled_back_version_stays_out_until_somebody_orders_it(stack, repository):
    """It does not flap; started again by an order it is tried from the beginning."""
    with SteadyTraffic(stack.http) as clients:
        drop(repository, 2, "nan")
        wait_for(stack, 2, "rolled_back")
        goal = len(clients.traffic.answers) + 150
        wait_until(lambda: len(clients.traffic.answers) > goal, "time goes by")
        assert phase(stack, 2) == "rolled_back"
        stack.ask_admin("POST", "/models/twice/rollout", {"version": 2, "reason": "once more"})
        wait_for(stack, 2, "canary")
        wait_for(stack, 2, "rolled_back")
    assert clients.traffic.failed == []
    assert rollout(stack)["stable"] == 1


def _processes_of(stack: Stack, number: int) -> list[int]:
    """The processes that run a version, of whatever tritonserver."""
    found = []
    for pid in stack.descendants():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if f"/twice/{number}/".encode() in command:
            found.append(pid)
    return found
