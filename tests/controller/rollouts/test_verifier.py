"""A verification that says nothing is made again, and not for ever."""

from dataclasses import replace

import pytest

from control.controller.loop import ControllerState
from control.controller.rollouts import verifier
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.verifier import Verifier
from control.controller.rollouts.works import NotDone
from control.core.canary_policy import Isolation
from control.core.rollout_record import ModelRecord, Rollout
from control.verification.job import Job, Measurements, Report

RECORD = ModelRecord("twice", stable=1)
ROLLOUT = Rollout("attempt", 2, 1, Isolation.SAME_SERVER, 0.0)


def a_verifier(places) -> Verifier:
    places.paths.run.mkdir(parents=True)
    return Verifier(ControllerState(), places, Policies(places.source))


async def test_a_version_that_kills_its_verification_is_refused_in_the_end(places, monkeypatch):
    """Other models wait for their turn meanwhile."""
    monkeypatch.setattr(verifier.sys, "executable", "/bin/false")
    verifying = a_verifier(places)
    for _ in range(verifier._MOST_UNDECIDED - 1):
        with pytest.raises(NotDone, match="ended with status 1 and without a report"):
            await verifying.verify(RECORD, ROLLOUT)
    result = await verifying.verify(RECORD, ROLLOUT)
    assert not result.is_good
    assert "without a report" in result.detail
    assert not (places.paths.run / "v").exists()


async def test_a_version_that_uses_up_all_the_time_gets_no_more_of_it(places, monkeypatch):
    """A few long ones cost as much as many short ones."""
    verifying = a_verifier(places)

    async def late(job: Job) -> Report:
        took = Measurements(took_s=0.9 * verifier._MOST_UNDECIDED_S)
        return Report(job.model, job.version, "undecided", "not verified within", [], took)

    monkeypatch.setattr(verifying, "_report", late)
    with pytest.raises(NotDone):
        await verifying.verify(RECORD, ROLLOUT)
    assert not (await verifying.verify(RECORD, ROLLOUT)).is_good
    with pytest.raises(NotDone):
        await verifying.verify(RECORD, replace(ROLLOUT, rollout="another attempt"))
