"""A controller that is killed in any phase goes on from there: no step is lost, none doubled."""

import itertools

import pytest

from control.core.rollout_phases import Phase, may_follow
from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.versions import drop, make_repository
from tests.e2e.rollouts.watching import phase, wait_for
from tests.support.stack import Stack, kill, wait_until

pytestmark = pytest.mark.triton

_CONTRACT = """\
canary:
  shadow: {percent: 100, requests: 60}
  step_weights: [20, 50]
  interval_s: 2
  minimum_samples: 10
  bake_time_s: 3
"""
PHASES = ["detected", "staged", "verifying", "loading", "shadowing", "canary", "promoting"]
_CONTROLLER = "control.controller.process"


def test_a_killed_controller_goes_on_in_every_phase(tmp_path):
    """One rollout, and a kill -9 in each of its phases."""
    folder = tmp_path / "models"
    folder.mkdir()
    repository = make_repository(folder, _CONTRACT)
    missed: list[str] = []
    with Stack(repository) as stack, SteadyTraffic(stack.http) as clients:
        drop(repository, 2, "slow_to_load")
        for name in PHASES:
            seen = wait_for(stack, 2, *PHASES[PHASES.index(name) :], "live")["phase"]
            if seen != name:
                missed.append(name)  # it was too short to be seen
                continue
            killed = stack.child_pid(_CONTROLLER)
            kill(killed)
            wait_until(lambda killed=killed: _is_back(stack, killed), "the controller is back")
        wait_for(stack, 2, "live")
        assert phase(stack, 1) == "retired"
        entries = stack.ask_admin("GET", "/audit?target=models/twice&limit=200")["entries"]
    assert clients.traffic.failed == []
    assert set(missed) <= {"detected", "staged"}
    _assert_in_order(entries)


@pytest.mark.parametrize("when", ["verifying", "canary"])
def test_a_bad_version_is_found_out_all_the_same(tmp_path, when):
    """A kill between the drop and the verdict does not help it."""
    folder = tmp_path / "models"
    folder.mkdir()
    repository = make_repository(folder, _CONTRACT.replace("shadow", "#"))
    with Stack(repository) as stack, SteadyTraffic(stack.http) as clients:
        drop(repository, 2, "fails")
        wait_for(stack, 2, when)
        kill(stack.child_pid(_CONTROLLER))
        wait_for(stack, 2, "rolled_back")
    assert clients.traffic.failed == []


def _is_back(stack: Stack, killed: int) -> bool:
    try:
        return stack.child_pid(_CONTROLLER) != killed and bool(phase(stack, 2))
    except (AssertionError, OSError):
        return False


def _assert_in_order(entries) -> None:
    """Each phase follows the one before as it may, and each weight is given once."""
    phases, weights = [], []
    for one in reversed(entries):
        after = one["after"] or {}
        if one["action"] in {known.value for known in Phase} and one["action"] != "retired":
            phases.append(Phase(one["action"]))
        if one["action"] in {"canary", "canary_weight"}:
            weights.append(str(after))
    pairs = list(itertools.pairwise(phases))
    assert all(may_follow(before, after) for before, after in pairs), phases
    assert len(set(phases)) == len(phases), phases
    assert len(weights) == 2, weights
