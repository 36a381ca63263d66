"""Who gets which track: shares as ordered, and the same key always on the same one."""

import math
from collections import defaultdict

import pytest

from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.versions import drop, make_repository
from tests.e2e.rollouts.watching import rollout, wait_for
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.triton

_CONTRACT = """\
canary:
  sticky: {header: x-user}
  step_weights: [1]
  max_weight: 100
  interval_s: 1000
  minimum_samples: 100000
"""
_USERS = 2000
_REQUESTS = 3000
#: A share this far from what was ordered comes by chance once in more than ten thousand runs.
_SIGMAS = 4.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracks") / "models"
    folder.mkdir()
    with Stack(make_repository(folder, _CONTRACT), {"gateway": {"workers": 2}}) as stack:
        drop(folder, 2, "good")
        wait_for(stack, 2, "canary")
        yield stack


@pytest.mark.parametrize("weight", [1.0, 10.0, 50.0])
def test_a_canary_gets_its_share_and_keeps_its_users(stack, weight):
    """Over two gateway workers: users are shared out by the weight, each stays where it is."""
    stack.ask_admin("PUT", "/models/twice/rollout/weight", {"weight": weight, "reason": "a test"})
    with SteadyTraffic(
        stack.http,
        rate=600.0,
        headers=lambda number: {"x-user": f"user {number % _USERS}"},
        tritonclients=False,
    ) as clients:
        wait_until(lambda: len(clients.traffic.answers) >= _REQUESTS, "enough answers", 60)
    assert clients.traffic.failed == []
    tracks = defaultdict(set)
    for one in clients.traffic.answers:
        tracks[one.key].add(one.track)
    assert {key: seen for key, seen in tracks.items() if len(seen) != 1} == {}
    share = sum(seen == {"canary"} for seen in tracks.values()) / len(tracks)
    expected = weight / 100
    bound = _SIGMAS * math.sqrt(expected * (1 - expected) / len(tracks))
    assert abs(share - expected) <= bound, f"{share:.4f} of {len(tracks)} users"


def test_whoever_was_in_stays_in_when_the_weight_rises(stack):
    """Raising a weight moves users to the canary, and none away from it."""
    canary_users = []
    for weight in (10.0, 50.0):
        order = {"weight": weight, "reason": "a test"}
        stack.ask_admin("PUT", "/models/twice/rollout/weight", order)
        with SteadyTraffic(
            stack.http,
            rate=600.0,
            headers=lambda number: {"x-user": f"user {number % 300}"},
            tritonclients=False,
        ) as clients:
            wait_until(lambda: len(clients.traffic.answers) >= 900, "enough answers", 60)
        answers = clients.traffic.answers
        canary_users.append({one.key for one in answers if one.track == "canary"})
    assert canary_users[0] < canary_users[1]


def test_a_version_that_is_named_is_given(stack):
    """Who pins a version gets it, and no track is chosen for them."""
    stack.ask_admin("PUT", "/models/twice/rollout/weight", {"weight": 100, "reason": "a test"})
    with SteadyTraffic(stack.http, "twice/versions/1", tritonclients=False) as clients:
        wait_until(lambda: len(clients.traffic.answers) >= 20, "answers")
    assert {one.version for one in clients.traffic.answers} == {"1"}


def test_routes_are_shown(stack):
    """Operators see where requests go."""
    routes = stack.ask_admin("GET", "/models/twice/routes")
    assert routes["stable"] == 1
    assert routes["canary"]["version"] == 2
    assert rollout(stack)["rollout"]["is_manual"] is True
