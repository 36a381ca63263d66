"""Two Seawalls on one PostgreSQL and one repository: one leads, both serve."""

import pytest

from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.versions import MODEL, drop, make_repository
from tests.e2e.rollouts.watching import phase, wait_for
from tests.support.stack import Stack, kill, wait_until

pytestmark = pytest.mark.triton

_CONTROLLER = "control.controller.process"


@pytest.fixture
def pair(tmp_path, postgres):
    folder = tmp_path / "models"
    folder.mkdir()
    repository = make_repository(folder)
    settings = {"state": {"database_url": postgres.new_database()}}
    with Stack(repository, settings) as one, Stack(repository, settings) as other:
        yield repository, one, other


def test_one_leads_and_both_serve_the_new_version(pair):
    """A step is taken once; each host loads the version before it sends anything to it."""
    repository, one, other = pair
    with SteadyTraffic(one.http) as here, SteadyTraffic(other.http) as there:
        drop(repository, 2, "good")
        wait_for(one, 2, "live")
        wait_until(lambda: phase(other, 2) == "live", "the other knows it")
        wait_until(
            lambda: {got.version for got in there.traffic.answers[-20:] if got.version} == {"2"},
            "the other serves it",
        )
    assert here.traffic.failed == []
    assert there.traffic.failed == []
    entries = one.ask_admin("GET", "/audit?target=models/twice&limit=100")["entries"]
    actions = [entry["action"] for entry in entries]
    for once in ("staged", "verifying", "loading", "promoting", "live"):
        assert actions.count(once) == 1, actions
    leading = [stack for stack in (one, other) if '"leading"' in stack.log.read_text()]
    assert len(leading) == 1


def test_a_host_that_joins_later_serves_what_is_live(tmp_path, postgres):
    """Not what was rejected, though config.pbtxt asks for the newest version."""
    folder = tmp_path / "models"
    folder.mkdir()
    repository = make_repository(folder)
    settings = {"state": {"database_url": postgres.new_database()}}
    with Stack(repository, settings) as one:
        drop(repository, 2, "raises")
        wait_for(one, 2, "rejected")
        with Stack(repository, settings) as late, SteadyTraffic(late.http) as clients:
            wait_until(lambda: len(clients.traffic.answers) > 20, "it answers")
            assert phase(late, 2) == "rejected"
    assert clients.traffic.failed == []
    assert {got.version for got in clients.traffic.answers if got.version} == {"1"}


def test_the_other_takes_over_from_a_leader_that_is_gone(pair):
    """The lease runs out, and the rollout goes on from its record."""
    repository, one, other = pair
    leader = one if '"leading"' in one.log.read_text() else other
    rest = other if leader is one else one
    with SteadyTraffic(rest.http) as clients:
        drop(repository, 2, "good")
        wait_for(rest, 2, "canary", "promoting", "live")
        leader.stop()
        wait_for(rest, 2, "live")
        assert '"leading"' in rest.log.read_text()
    assert clients.traffic.failed == []


def test_a_version_apart_is_tried_on_either_host(pair):
    """Each copies it and has a server for it; the leader has no traffic, so that it waits."""
    repository, one, other = pair
    contract = repository / MODEL / "contract.yaml"
    apart = "canary:\n  isolation: own_server\n"
    contract.write_text(contract.read_text().replace("canary:\n", apart))
    leader = one if '"leading"' in one.log.read_text() else other
    rest = other if leader is one else one
    with SteadyTraffic(rest.http) as clients:
        drop(repository, 2, "good")
        wait_until(lambda: clients.traffic.tracks()["canary"] > 0, "it answers there", 90.0)
        assert phase(leader, 2) == "canary"
    assert clients.traffic.failed == []


def test_a_bad_version_is_taken_back_by_whoever_sees_it(pair):
    """It is the follower's traffic that shows it; the leader has none."""
    repository, one, other = pair
    leader = one if '"leading"' in one.log.read_text() else other
    rest = other if leader is one else one
    with SteadyTraffic(rest.http) as clients:
        drop(repository, 2, "nan")
        wait_for(rest, 2, "rolled_back")
        wait_until(lambda: phase(leader, 2) == "rolled_back", "the leader knows it")
        kill(leader.child_pid(_CONTROLLER))
        wait_for(rest, 2, "rolled_back")
    assert clients.traffic.failed == []
