"""Speed and memory of the version, measured beside the live one on the same requests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from control.core.tensors import InferRequest
from control.profiling.sending import percentile
from control.verification.asking import NotAnswered, Subject
from control.verification.golden_check import answer_or_none
from control.verification.pace import Pace
from control.verification.trial import Trial
from control.verification.verdicts import Bad, Skipped

_ROUNDS: Final = 40
_LEAST_ROUNDS: Final = 6
_MOST_S: Final = 2.0
#: A version that looks too slow is measured anew so often: what disturbs once does not thrice.
_TRIES: Final = 3
#: Differences below these mean nothing, whatever the ratio.
_SLACK_MS: Final = 5.0
_SLACK_BYTES: Final = 64 * 1024 * 1024
_MEBIBYTE: Final = 1024 * 1024
_MS_PER_S: Final = 1000.0
_MEDIAN: Final = 0.5
_P90: Final = 0.9


@dataclass(frozen=True, slots=True)
class Times:
    """How long requests took, milliseconds."""

    median: float
    p90: float


async def check_profile(trial: Trial) -> str:
    """Measure; bad is only what exceeds the policy's ratios against the live version."""
    requests = [one.request for one in trial.solos]
    if not requests:
        message = "there is no request to measure by"
        raise Skipped(message)
    live, requests = await _measurable(trial.live, requests)
    await _measure_times(trial, live, requests)
    _judge_memory(trial)
    return _told(trial)


async def _measurable(
    live: Subject | None, requests: list[InferRequest]
) -> tuple[Subject | None, list[InferRequest]]:
    """Give the requests that the live version answers too; none: there is nothing to compare."""
    if live is None:
        return None, requests
    both = [one for one in requests if await answer_or_none(live, one) is not None]
    return (live, both) if both else (None, requests)


async def _measure_times(
    trial: Trial, live: Subject | None, requests: Sequence[InferRequest]
) -> None:
    measured = trial.measured
    fault: str | None = None
    for _ in range(_TRIES):
        try:
            new, old = await _interleaved(trial.new, live, requests)
        except NotAnswered:  # of the live version: no fault of this one
            new, old = await _interleaved(trial.new, None, requests)
        measured.median_ms, measured.p90_ms = new.median, new.p90
        if old is None:
            return
        measured.live_median_ms, measured.live_p90_ms = old.median, old.p90
        fault = _too_slow(trial, new, old)
        if fault is None:
            return
    raise Bad(fault or "")


def _too_slow(trial: Trial, new: Times, old: Times) -> str | None:
    ratio, live = trial.copy.job.policy.max_duration_ratio, trial.copy.job.live
    for name, got, base in (("median", new.median, old.median), ("p90", new.p90, old.p90)):
        limit = ratio * base + _SLACK_MS
        if got > limit:
            return (
                f"is too slow: {name} {got:.1f} ms, limit {limit:.1f} ms ({ratio:g} times the"
                f" {base:.1f} ms of version {live}, and {_SLACK_MS:g} ms)"
            )
    return None


def _judge_memory(trial: Trial) -> None:
    got, base = trial.measured.memory_bytes, trial.measured.live_memory_bytes
    if not got or not base:
        return
    ratio = trial.copy.job.policy.max_memory_ratio
    limit = ratio * base + _SLACK_BYTES
    if got > limit:
        message = (
            f"needs too much memory: {got // _MEBIBYTE} MiB, limit {limit // _MEBIBYTE:g} MiB"
            f" ({ratio:g} times the {base // _MEBIBYTE} MiB of version {trial.copy.job.live}, and"
            f" {_SLACK_BYTES // _MEBIBYTE} MiB)"
        )
        raise Bad(message)


async def _interleaved(
    new: Subject, live: Subject | None, requests: Sequence[InferRequest]
) -> tuple[Times, Times | None]:
    """Ask both in turns, so that what disturbs the one disturbs the other."""
    new_ms: list[float] = []
    live_ms: list[float] = []
    pace = Pace(least=_LEAST_ROUNDS, most_s=_MOST_S)
    for turn in range(_ROUNDS):
        if pace.is_over():
            break
        request = requests[turn % len(requests)]
        try:
            new_ms.append(await _timed(new, request))
        except NotAnswered as error:
            raise Bad(error.at("a request that it had answered before")) from error
        if live is not None:
            live_ms.append(await _timed(live, request))
    return _times(new_ms), _times(live_ms) if live_ms else None


async def _timed(subject: Subject, request: InferRequest) -> float:
    began_s = asyncio.get_running_loop().time()
    await subject.ask(request)
    return (asyncio.get_running_loop().time() - began_s) * _MS_PER_S


def _times(values_ms: list[float]) -> Times:
    values_ms.sort()
    return Times(percentile(values_ms, _MEDIAN), percentile(values_ms, _P90))


def _told(trial: Trial) -> str:
    measured = trial.measured
    told = f"median {measured.median_ms:.1f} ms"
    if measured.live_median_ms is not None:
        told += f", version {trial.copy.job.live} {measured.live_median_ms:.1f} ms"
    return told
