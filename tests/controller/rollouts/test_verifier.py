"""A verification that says nothing is made again, and not for ever."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from control.controller.loop import ControllerState
from control.controller.rollouts import verifier
from control.controller.rollouts.verifier import Verifier
from control.controller.rollouts.works import NotDone
from control.core.canary_policy import Isolation
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.verification.job import Job, Measurements, Report, write_report
from control.verification.sole_use import sole_use

RECORD = ModelRecord("twice", stable=1, versions={2: VersionRecord(2, Phase.VERIFYING, "", 0.0)})
ROLLOUT = Rollout("attempt", 2, 1, Isolation.SAME_SERVER, 0.0)


def a_verifier(places) -> Verifier:
    places.paths.run.mkdir(parents=True)
    return Verifier(ControllerState(), places)


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


async def test_a_verification_that_does_not_end_is_ended(places, monkeypatch, tmp_path):
    """Other models wait for it; the time that it has taken counts."""
    places.stage("twice", 2)
    hangs = tmp_path / "hangs"
    hangs.write_text("#!/bin/sh\ntrap '' TERM\nexec sleep 600\n")
    hangs.chmod(0o755)
    monkeypatch.setattr(verifier.sys, "executable", str(hangs))
    monkeypatch.setattr(verifier, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(verifier, "_GRACE_S", 0.2)
    monkeypatch.setattr(verifier, "_TIMEOUT_S", 0.1)
    monkeypatch.setattr(verifier, "_LOADS", 0)
    monkeypatch.setattr(verifier, "_MOST_UNDECIDED_S", 0.1)
    async with asyncio.timeout(20):
        result = await a_verifier(places).verify(RECORD, ROLLOUT)
    assert result.detail.endswith("ended with status -9 and without a report")


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


async def test_versions_that_cannot_be_judged_in_turn_are_refused_all_the_same(places, monkeypatch):
    """How often is known of each; forgotten with its attempt."""
    monkeypatch.setattr(verifier, "_MOST_UNDECIDED", 2)
    verifying = a_verifier(places)

    async def starved(job: Job) -> Report:
        return Report(job.model, job.version, "undecided", "no processor", [], Measurements())

    monkeypatch.setattr(verifying, "_report", starved)
    attempts = [ROLLOUT, replace(ROLLOUT, rollout="another attempt")]
    for rollout in attempts:
        with pytest.raises(NotDone):
            await verifying.verify(RECORD, rollout)
    for rollout in attempts:
        assert not (await verifying.verify(RECORD, rollout)).is_good
    verifying.forget_others({"another attempt"})
    with pytest.raises(NotDone):
        await verifying.verify(RECORD, ROLLOUT)
    assert not (await verifying.verify(RECORD, attempts[1])).is_good


async def test_what_no_version_has_brought_about_refuses_none(places, monkeypatch):
    """A full disk, say: it is tried for as long as that lasts, and does not count afterwards."""
    monkeypatch.setattr(verifier, "_MOST_UNDECIDED", 2)
    verifying = a_verifier(places)
    is_hindered = True

    async def undecided(job: Job) -> Report:
        took = Measurements(took_s=verifier._MOST_UNDECIDED_S / 2)
        reason = "no space left"
        return Report(
            job.model, job.version, "undecided", reason, [], took, is_hindered=is_hindered
        )

    monkeypatch.setattr(verifying, "_report", undecided)
    for _ in range(5):
        with pytest.raises(NotDone, match="no space left"):
            await verifying.verify(RECORD, ROLLOUT)
    is_hindered = False
    with pytest.raises(NotDone):
        await verifying.verify(RECORD, ROLLOUT)
    assert not (await verifying.verify(RECORD, ROLLOUT)).is_good


async def test_a_report_that_could_not_be_written_counts_against_nobody(
    places, monkeypatch, tmp_path
):
    """The disk may have been too full for it."""
    monkeypatch.setattr(verifier, "_MOST_UNDECIDED", 1)
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexit 3\n")
    silent.chmod(0o755)
    monkeypatch.setattr(verifier.sys, "executable", str(silent))
    with pytest.raises(NotDone, match="without a report"):
        await a_verifier(places).verify(RECORD, ROLLOUT)


async def test_a_verification_waits_until_another_controllers_has_ended(places, monkeypatch):
    """One that was killed leaves its own: that ends a moment later, and clears the same folder."""
    monkeypatch.setattr(verifier.sys, "executable", "/bin/false")
    verifying = a_verifier(places)
    with sole_use(places.paths.verification_lock):
        for _ in range(2 * verifier._MOST_UNDECIDED):  # it says nothing of the version
            with pytest.raises(NotDone, match="another verification has not ended yet"):
                await verifying.verify(RECORD, ROLLOUT)
    with pytest.raises(NotDone, match="without a report"):
        await verifying.verify(RECORD, ROLLOUT)


async def test_a_report_of_another_version_is_not_believed(places, monkeypatch, tmp_path):
    """Who was told to stop may have written its own a moment ago."""
    verifying = a_verifier(places)
    report = Report("twice", 3, "good", "", [], Measurements())
    write_report(report, tmp_path / "report")
    tells = tmp_path / "tells"
    tells.write_text(
        f"#!/bin/sh\ncp {tmp_path / 'report'} {places.paths.run / 'verification.report'}\n"
    )
    tells.chmod(0o755)
    monkeypatch.setattr(verifier.sys, "executable", str(tells))
    with pytest.raises(NotDone, match="ended with status 0 and without a report"):
        await verifying.verify(RECORD, ROLLOUT)
    report = Report("twice", 2, "good", "", [], Measurements())
    write_report(report, tmp_path / "report")
    assert (await verifying.verify(RECORD, ROLLOUT)).is_good


async def test_a_version_that_another_host_has_staged_is_copied_first(places, monkeypatch):
    """Its leader is gone; what is verified here has to be what it was there."""
    verifying = a_verifier(places)
    digest = places.stage("twice", 2).digest
    places.forget("twice", 2)

    async def look(job: Job) -> Report:
        assert (Path(job.staged) / "model.py").is_file()
        assert (Path(job.model_files) / "config.pbtxt").is_file()
        return Report(job.model, job.version, "good", "", [], Measurements())

    monkeypatch.setattr(verifying, "_report", look)
    assert (await verifying.verify(staged_with(digest), ROLLOUT)).is_good
    with pytest.raises(NotDone, match="other files here than it began with"):
        await verifying.verify(staged_with("another digest"), ROLLOUT)


async def test_what_cannot_be_copied_here_is_refused_with_the_reason(places):
    """As where it was dropped: only other content can mend it."""
    verifying = a_verifier(places)
    (places.source / "twice" / "config.pbtxt").write_text("max_batch_size: many")
    result = await verifying.verify(RECORD, ROLLOUT)
    assert not result.is_good
    assert "max_batch_size" in result.detail


def staged_with(digest: str) -> ModelRecord:
    """A record of a version under verification."""
    return replace(RECORD, versions={2: replace(RECORD.versions[2], digest=digest)})
