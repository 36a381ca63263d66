"""The course of a verification: which checks, in which order, and what becomes of their ends."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from control.config import TritonSettings
from control.verification.called_models import load_called
from control.verification.contract_check import check_contract, check_loaded_contract
from control.verification.file_checks import check_files, copy_version, is_ensemble
from control.verification.golden_check import check_golden
from control.verification.job import (
    Check,
    Job,
    Measurements,
    Report,
    Result,
    Verdict,
    rounded,
)
from control.verification.load_check import Loaded, NoLive, load_new, loading_live
from control.verification.mates_check import check_batch_mates
from control.verification.parallel_check import check_concurrency
from control.verification.profile_check import check_profile
from control.verification.scratch_triton import ScratchTriton, clean_up, scratch_triton
from control.verification.shared_files_check import check_shared_files
from control.verification.trial import Copy, Trial
from control.verification.verdicts import Bad, CannotJudge, ServerSilent, Skipped, Starved

_REPOSITORY: Final = "repository"

T = TypeVar("T")

#: Checks of a version that has been loaded, in this order.
_CHECKS: Final[tuple[tuple[str, Callable[[Trial], Awaitable[str]]], ...]] = (
    ("golden", check_golden),
    ("batch_mates", check_batch_mates),
    ("concurrency", check_concurrency),
    ("profile", check_profile),
    ("shared_files", check_shared_files),
)


async def verify(job: Job, began_s: float, *, is_again: bool = False) -> Report:
    """Verify; leaves nothing running, and nothing in the scratch folder. Raises Starved.

    ``began_s``, by the monotonic clock, is when its time began to run. ``is_again``: what only
    takes what others leave has been starved, so the server gets a share.
    """
    directory = Path(job.scratch).resolve()  # noqa: ASYNC240 - quick
    clean_up(directory)
    try:
        (directory / _REPOSITORY).mkdir(parents=True, mode=0o700)
        return await Verification(job, directory, began_s, is_again=is_again).run()
    finally:
        clean_up(directory)


class Verification:
    """One run through all checks, up to the first that fails."""

    def __init__(self, job: Job, directory: Path, began_s: float, *, is_again: bool) -> None:
        """Begin with nothing known; ``directory`` is all that is written to."""
        self._job = job
        self._directory = directory
        self._began_s = began_s
        self._is_again = is_again
        self._checks: list[Check] = []
        self._measured = Measurements()
        self._digest = ""
        self._current = "files"

    async def run(self) -> Report:
        """Give the report, whatever comes of it but Starved."""
        try:
            async with asyncio.timeout_at(self._began_s + self._job.timeout_s):
                await self._run()
        except Bad as error:
            self._note("failed", str(error))
            return self.report("bad", str(error))
        except Starved:
            raise
        except ServerSilent as error:
            return self.report("undecided", str(error))
        except CannotJudge as error:
            return self.report("undecided", str(error), is_hindered=True)
        except TimeoutError:
            reason = f"not verified within {self._job.timeout_s:g} s: stopped at {self._current}"
            return self.report("undecided", reason)
        return self.report("good", "")

    async def _run(self) -> None:
        repository = self._directory / _REPOSITORY
        copy = await asyncio.to_thread(copy_version, self._job, repository)
        self._digest = copy.digest
        await self._check("files", check_files, copy)
        await self._check("contract", check_contract, copy)
        if is_ensemble(copy.config):
            self._skip("load", "an ensemble runs other models, which are verified by themselves")
            return
        settings = TritonSettings(repository=repository)
        goes_last = not self._is_again
        async with scratch_triton(settings, self._directory, goes_last=goes_last) as triton:
            trial = await self._load(copy, triton)
            await self._check("loaded_contract", check_loaded_contract, trial)
            for name, check in _CHECKS:
                await self._check(name, check, trial)

    async def _load(self, copy: Copy, triton: ScratchTriton) -> Trial:
        self._current = "load"
        await load_called(copy, triton)
        async with loading_live(copy, triton) as loading:
            new = await load_new(copy, triton)
            live, why = await _ended(loading)
        self._measured.load_s = new.took_s
        self._measured.live_load_s = live.took_s if live else None
        beside = f"; not measured against a live version: {why}" if why else ""
        self._note("passed", f"loaded in {new.took_s:.1f} s{beside}")
        return Trial(copy, triton, new.subject, live.subject if live else None, self._measured)

    async def _check(self, name: str, check: Callable[[T], Awaitable[str]], subject: T) -> None:
        self._current = name
        try:
            self._note("passed", await check(subject))
        except Skipped as error:
            self._note("skipped", str(error))

    def _skip(self, name: str, why: str) -> None:
        self._current = name
        self._note("skipped", why)

    def _note(self, result: Result, detail: str) -> None:
        self._checks.append(Check(self._current, result, detail))

    def report(self, verdict: Verdict, reason: str, *, is_hindered: bool = False) -> Report:
        """Write down what is known."""
        self._measured.took_s = asyncio.get_running_loop().time() - self._began_s
        return Report(
            model=self._job.model,
            version=self._job.version,
            verdict=verdict,
            reason=reason,
            checks=self._checks,
            measurements=rounded(self._measured),
            config_digest=self._digest,
            is_hindered=is_hindered,
        )


async def _ended(loading: "asyncio.Task[Loaded]") -> tuple[Loaded | None, str]:
    """Wait for the live version; without it the checks go on, and say why."""
    try:
        return await loading, ""
    except NoLive as error:
        return None, str(error)
