"""Has a version verified by a process of its own, which may hang or die without harm."""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Final

from control.controller.loop import ControllerState
from control.controller.rollouts.places import Places
from control.controller.rollouts.works import NotDone
from control.core.rollout_facts import Result
from control.core.rollout_record import ModelRecord, Rollout
from control.core.rollout_route import model_digests
from control.observability.logs import get_logger
from control.repository.refusals import SourceChanged, SourceRefused, StagingFailed
from control.verification.job import UNWRITTEN, Job, Measurements, Report, read_report, write_job
from control.verification.scratch_triton import clean_up
from control.verification.sole_use import InUse, sole_use

#: A version is loaded, and loaded anew where its batches are looked at, with two configs, and so
#: is the live one with changed files: each may take what the policy gives for a load.
_LOADS: Final = 4
#: For all the rest.
_TIMEOUT_S: Final = 300.0
#: By how much a verification may be late before it is ended.
_GRACE_S: Final = 30.0
#: How long a verification that is not wanted any more may take to end its tritonserver.
_PATIENCE_S: Final = 15.0
#: A verification that cannot say anything is made again so often, and for so long: others wait.
#: What the version has not brought about does not count.
_MOST_UNDECIDED: Final = 10
_MOST_UNDECIDED_S: Final = 600.0

_log = get_logger("rollouts")


class Verifier:
    """One verification at a time; belongs to the event loop."""

    def __init__(self, state: ControllerState, places: Places) -> None:
        """Verify what lies in ``places``."""
        self._state = state
        self._places = places
        self._undecided: dict[str, tuple[int, float]] = {}

    def forget_others(self, rollouts: set[str]) -> None:
        """Forget how often attempts that are over could not be judged."""
        for rollout in self._undecided.keys() - rollouts:
            del self._undecided[rollout]

    async def verify(self, model: ModelRecord, rollout: Rollout) -> Result:
        """Give the verdict; raises NotDone where there is none, for the first few times."""
        try:
            await self._ensure_staged(model, rollout.version)
        except SourceRefused as error:
            return Result(is_good=False, detail=error.reason)
        report = await self._report(self._job(model, rollout))
        _log.info(
            "version_verified",
            model=model.model,
            version=rollout.version,
            verdict=report.verdict,
            reason=report.reason,
            checks={one.name: one.result for one in report.checks},
            took_s=report.measurements.took_s,
        )
        if report.verdict == "undecided":
            self._give_up_at_last(rollout, report)
            return Result(is_good=False, detail=f"it cannot be verified: {report.reason}")
        return Result(report.verdict == "good", report.reason or _summary(report))

    async def _ensure_staged(self, model: ModelRecord, version: int) -> None:
        """Have a copy here: it may have been made where another controller led."""
        ensure, digest = self._places.ensure_staged, model.versions[version].digest
        beside = model_digests(model, version)
        try:
            await self._places.staging.do(ensure, model.model, version, digest, beside)
        except (SourceChanged, StagingFailed, OSError) as error:
            message = f"version {version} of '{model.model}' cannot be copied: {error}"
            raise NotDone(message) from error

    def _give_up_at_last(self, rollout: Rollout, report: Report) -> None:
        """Go on after what the version may have caused, a few times more; raises NotDone."""
        if report.is_hindered:
            raise NotDone(report.reason)
        count, spent_s = self._undecided.get(rollout.rollout, (0, 0.0))
        count, spent_s = count + 1, spent_s + (report.measurements.took_s or 0.0)
        self._undecided[rollout.rollout] = (count, spent_s)
        if count < _MOST_UNDECIDED and spent_s < _MOST_UNDECIDED_S:
            raise NotDone(report.reason)

    def _job(self, model: ModelRecord, rollout: Rollout) -> Job:
        name, version, live, policy = model.model, rollout.version, model.stable, rollout.policy
        place = self._places.paths.run
        live_folder = "" if live is None else str(self._places.served_version(name, live))
        return Job(
            model=name,
            version=version,
            staged=str(self._places.staged_version(name, version)),
            model_files=str(self._places.staged_model(name, version)),
            source=str(self._places.source_model(name)),
            scratch=str(place / "v"),  # short: it holds Unix sockets
            report=str(place / "verification.report"),
            live=live,
            live_folder=live_folder,
            live_config_json=self._live_config(name, live),
            served=str(self._places.served.folder),
            policy=policy.verification,
            comparisons=dict(policy.comparisons),
            timeout_s=_LOADS * policy.verification.load_timeout_s + _TIMEOUT_S,
        )

    def _live_config(self, model: str, live: int | None) -> str:
        for one in self._state.versions:
            if (one.model, one.version, one.upstream) == (model, live, ""):
                return one.config_json.decode()
        return ""

    async def _report(self, job: Job) -> Report:
        """Verify alone: of a controller that was killed, one may still be ending."""
        try:
            with sole_use(self._places.paths.verification_lock) as lock:
                return await self._report_alone(job, lock)
        except InUse as error:
            raise NotDone(str(error)) from error

    async def _report_alone(self, job: Job, lock: int) -> Report:
        file, report = self._places.paths.run / "verification.job", Path(job.report)
        await asyncio.to_thread(report.unlink, missing_ok=True)
        await asyncio.to_thread(write_job, job, file)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "control.verification.process",
            "--job", str(file), "--parent", str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL, pass_fds=[lock],
        )  # fmt: skip
        began_s = time.monotonic()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(job.timeout_s + _GRACE_S):
                    await process.wait()
        finally:
            await asyncio.shield(_end(process))
        try:
            return await asyncio.to_thread(_read, report, job)
        except (OSError, ValueError):
            # The version may have killed it: that must not go on for ever, nor leave anything.
            await _clean_up(job)
            code, took = process.returncode, Measurements(took_s=time.monotonic() - began_s)
            reason = f"the verification ended with status {code} and without a report"
            hindered = code == UNWRITTEN
            return Report(
                job.model, job.version, "undecided", reason, [], took, is_hindered=hindered
            )


def _read(file: Path, job: Job) -> Report:
    report = read_report(file)
    if (report.model, report.version) != (job.model, job.version):
        message = f"the report is of version {report.version} of '{report.model}'"
        raise ValueError(message)
    return report


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _summary(report: Report) -> str:
    passed = [one.name for one in report.checks if one.result == "passed"]
    skipped = [one.name for one in report.checks if one.result == "skipped"]
    left_out = f"; not applicable: {', '.join(skipped)}" if skipped else ""
    return f"it has passed verification: {', '.join(passed)}{left_out}"


async def _clean_up(job: Job) -> None:
    cleaning = asyncio.create_task(asyncio.to_thread(lambda: clean_up(Path(job.scratch).resolve())))
    try:
        await asyncio.shield(cleaning)
    finally:
        await cleaning  # whoever verifies next must not begin before it has ended
