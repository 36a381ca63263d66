"""What the records of one run say. Pure: takes records, gives numbers."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.overload.records import ANSWERED, BROKEN, NO_ANSWER, NO_CONNECTION, Records

_HTTP_OK = 200
_CLASSES = ("high", "normal")  # in the order in which the generator gets them


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds, exact: nearest rank. All zero where there was nothing."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answers other than 200 of one status and error code; the code is empty where none is told."""

    status: int
    code: str
    latency: Latency


@dataclass(frozen=True, slots=True)
class Lost:
    """Requests without any answer, by what became of them."""

    no_answer: int  # the client hung up at the end of its patience
    broken: int  # the connection was refused or cut
    no_connection: int  # the client had as many open as it may


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of all requests of some class.

    ``good`` is a true 200 within the deadline; latencies run from the scheduled time, those
    ``from_sent`` from the first byte written.
    """

    requests: int
    good: int
    good_rps: float
    late: int
    degraded: int
    lost: Lost
    accepted: Latency
    refused: Latency
    refused_from_sent: Latency
    refusals: tuple[Refusal, ...]

    @property
    def lost_count(self) -> int:
        """Requests without any answer."""
        return self.lost.no_answer + self.lost.broken + self.lost.no_connection


@dataclass(frozen=True, slots=True)
class Lag:
    """How much later than scheduled the generator itself took up requests."""

    p99_ms: float
    max_ms: float


def figures_by_class(records: Records, deadline_s: float, seconds: float) -> dict[str, Figures]:
    """Sum up a run: all requests, and those of each priority."""
    found = {"all": figures_of(records, deadline_s, seconds)}
    for number, name in enumerate(_CLASSES):
        found[name] = figures_of(records[records["priority"] == number], deadline_s, seconds)
    return found


def figures_of(records: Records, deadline_s: float, seconds: float) -> Figures:
    """Sum up these requests, which were scheduled over so many seconds."""
    answered = records["end"] == ANSWERED
    ok = answered & (records["status"] == _HTTP_OK)
    in_time = _since(records, "scheduled_s") <= deadline_s
    degraded = ok & (records["degraded"] == 1)
    good = int(np.count_nonzero(ok & in_time & ~degraded))
    refused = records[answered & ~ok]
    return Figures(
        requests=len(records),
        good=good,
        good_rps=good / seconds,
        late=int(np.count_nonzero(ok & ~in_time)),
        degraded=int(np.count_nonzero(degraded & in_time)),
        lost=Lost(*(_count(records, end) for end in (NO_ANSWER, BROKEN, NO_CONNECTION))),
        accepted=latency_of(_since(records[ok], "scheduled_s")),
        refused=latency_of(_since(refused, "scheduled_s")),
        refused_from_sent=latency_of(_since(refused, "sent_s")),
        refusals=tuple(_refusals(refused)),
    )


def lag_of(records: Records) -> Lag:
    """Say how late the generator was."""
    latency = latency_of(records["picked_s"] - records["scheduled_s"])
    return Lag(latency.p99_ms, latency.max_ms)


def latency_of(seconds: npt.NDArray[np.float64]) -> Latency:
    """Give the percentiles of some durations."""
    if not len(seconds):
        return Latency(0, 0.0, 0.0, 0.0, 0.0)
    ordered = np.sort(seconds) * 1e3
    ranks = (-(-len(ordered) * share // 100) - 1 for share in (50, 90, 99, 100))
    return Latency(len(ordered), *(float(ordered[rank]) for rank in ranks))


def _refusals(refused: Records) -> Iterable[Refusal]:
    for kind in np.unique(refused[["status", "code"]]):
        status, code = kind["status"], kind["code"]
        mine = refused[(refused["status"] == status) & (refused["code"] == code)]
        latency = latency_of(_since(mine, "scheduled_s"))
        yield Refusal(int(status), bytes(code).decode(errors="replace"), latency)


def _since(records: Records, field: str) -> npt.NDArray[np.float64]:
    since: npt.NDArray[np.float64] = records["ended_s"] - records[field]
    return since


def _count(records: Records, end: int) -> int:
    return int(np.count_nonzero(records["end"] == end))
