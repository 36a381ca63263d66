"""Orders on a rollout are for the version that is meant, and for the attempt that was looked at."""

from dataclasses import replace

import pytest

from control.core.rollout import Step, end
from control.errors import StateConflict, StateUnavailable
from control.state.audit import Act
from tests.controller.admin.test_rollouts import ROLLOUT, WEIGHT, given, shown
from tests.support.rollouts import NOW_S, Rollouts, canary

ACT = Act("operator", "operator", NOW_S, "it fails")
ORDERS = [
    ("POST", f"{ROLLOUT}/pause", {}),
    ("POST", f"{ROLLOUT}/resume", {}),
    ("POST", f"{ROLLOUT}/promote", {}),
    ("POST", f"{ROLLOUT}/rollback", {}),
    ("PUT", WEIGHT, {"weight": 50}),
]


@pytest.mark.parametrize(("method", "path", "body"), ORDERS)
def test_an_order_on_another_version_is_refused(admin, method, path, body):
    """It says which one is under way, changes nothing, and stays out of the trail."""
    admin.rollouts.keep(canary(is_paused=True))
    before, trail = shown(admin), admin.audited()
    answer = admin.ask(method, path, json={**body, "version": 3})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    error = "model 'm': version 2 is being rolled out, not version 3"
    assert answer.get_json()["error"] == error
    assert (shown(admin), admin.audited()) == (before, trail)


@pytest.mark.parametrize("version", [2, 2.0, None])
@pytest.mark.parametrize(("method", "path", "body"), ORDERS[1:])
def test_an_order_on_the_version_under_way_is_followed(admin, method, path, body, version):
    """Without a version, or with null, it is the one that is under way."""
    admin.rollouts.keep(canary(is_paused=True))
    answer = admin.ask(method, path, json={**body, "version": version})
    assert answer.status_code == 200


@pytest.mark.parametrize("version", [0, "2", 1.5, True])
def test_the_version_of_an_order_is_a_whole_number(admin, version):
    """Nothing is converted."""
    admin.rollouts.keep(canary())
    answer = admin.ask("POST", f"{ROLLOUT}/rollback", json={"version": version})
    assert (answer.status_code, answer.get_json()["violations"][0]["path"]) == (422, "version")


class _Overtaken(Rollouts):
    """The version under way is taken back, and another begins, just as an order is committed."""

    def overtake(self) -> None:
        commit = self.book.commit

        def commit_late(before, step, act, lease=None):
            self.book.commit = commit  # type: ignore[method-assign]
            now = self.book.record("m")
            assert now is not None
            ended = commit(now, end(now, "it fails", NOW_S), act)
            following = replace(canary().rollout, rollout="another", version=3)
            versions = {
                **ended.versions,
                3: replace(ended.versions[3], phase=canary().versions[2].phase),
            }
            commit(ended, Step(replace(ended, versions=versions, rollout=following), "x", ""), act)
            return commit(before, step, act, lease)

        self.book.commit = commit_late  # type: ignore[method-assign]


@pytest.mark.parametrize("version", [None, 2])
def test_an_order_is_not_given_again_on_the_rollout_that_follows(admin, tmp_path, version):
    """Whoever has looked at a failing version and takes it out does not mean the mended one."""
    rollouts = _Overtaken(admin.store, tmp_path)
    rollouts.keep(canary())
    rollouts.overtake()
    with pytest.raises(StateConflict, match="the rollout of version 3 has begun just now"):
        rollouts.desk.rollback(ACT, "m", version)
    record = rollouts.desk.show("m")
    assert record.rollout is not None
    assert record.rollout.version == 3


def test_an_order_that_comes_beside_a_step_is_given_again(admin, tmp_path):
    """The driver changes records too."""
    rollouts = Rollouts(admin.store, tmp_path)
    known = rollouts.keep(canary())
    other = Rollouts(admin.store, tmp_path)
    other.book.reload()
    other.book.commit(known, Step(replace(known, stable=1), "noted", ""), ACT)
    assert rollouts.desk.rollback(ACT, "m", 2).rollout is None


def test_a_baked_version_is_made_live_by_promoting_it_again(admin):
    """Where no calls come that would prove it."""
    admin.rollouts.keep(canary())
    given(admin, "promote")
    record = admin.rollouts.desk.show("m")
    baking = replace(record, stable=2, previous=1)
    admin.rollouts.keep(replace(baking, rollout=replace(baking.rollout, weight=100.0)))
    document = given(admin, "promote", version=2, reason="nobody calls it")
    assert (document["stable"], document["rollout"]) == (2, None)
    assert document["versions"][1]["reason"] == "nobody calls it"


async def test_that_nobody_leads_is_shown_as_what_is_in_the_way(admin):
    """Without the database nothing goes forward."""

    class Away:
        def acquire(self, *_: object) -> None:
            message = "away"
            raise StateUnavailable(message)

    admin.rollouts.keep(canary())
    admin.rollouts.works.hold_up("r-m", "stage", "No space left on device")
    admin.rollouts.lead._leases = Away()
    await admin.rollouts.lead.renew()
    held_up_by = admin.rollouts.desk.held_up_by("m")
    assert held_up_by == (
        "no controller leads: the database cannot be reached; No space left on device"
    )
