"""Asks Triton how long its requests queue and compute, and lets the admissions judge by it.

Without Triton's answer they judge by their own round trips: nothing waits for this.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson

from control.core.adaptive_limit import TritonLoad
from control.core.batch_times import BatchTime
from control.core.snapshot import VersionView
from control.errors import ControlError
from control.gateway.protection.admission import Admission, AdmissionBoard
from control.triton.upstream import UpstreamAnswer

_LEAST_INTERVAL_S, _MOST_INTERVAL_S = 0.25, 1.0
#: Looking takes a twentieth of the time at most, until it is as seldom as may be.
_TIMES_LONGER: Final = 20.0
_TIMEOUT_S: Final = 0.5
#: What was counted before is too old to say what this window was like.
_STALE_S: Final = 5.0
_OK: Final = 200

Request = Callable[[str, str], Awaitable[UpstreamAnswer]]


@dataclass(frozen=True, slots=True)
class _Counted:
    """Triton's counters of one version, which only grow until it is loaded anew."""

    at_s: float
    requests: int
    rows: int
    queue_ns: int
    compute_ns: int
    batches: dict[int, tuple[int, int]]

    def since(self, before: "_Counted") -> TritonLoad | None:
        """Give what came between; None where counting has begun anew."""
        batches = []
        for rows, (executions, took_ns) in self.batches.items():
            old_executions, old_ns = before.batches.get(rows, (0, 0))
            if executions > old_executions:
                seconds = (took_ns - old_ns) / 1e9
                batches.append(BatchTime(rows, executions - old_executions, seconds))
        load = TritonLoad(
            self.requests - before.requests,
            self.rows - before.rows,
            (self.queue_ns - before.queue_ns) / 1e9,
            (self.compute_ns - before.compute_ns) / 1e9,
            tuple(batches),
        )
        anew = min(load.requests, load.rows, load.queue_s, load.compute_s) < 0
        return None if anew else load


class TritonLoads:
    """One per gateway worker. All calls on its event loop."""

    def __init__(
        self,
        board: AdmissionBoard,
        request: Request,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Let the admissions of ``board`` know what ``request`` (method, path) finds out."""
        self._board, self._request, self._clock = board, request, clock
        self._counted: dict[tuple[str, int], _Counted] = {}
        self._granted: dict[tuple[str, int], int] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            began_s = self._clock()
            await self.look()
            took_s = self._clock() - began_s
            await asyncio.sleep(
                min(max(took_s * _TIMES_LONGER, _LEAST_INTERVAL_S), _MOST_INTERVAL_S)
            )

    async def look(self) -> None:
        """Ask once about each version that had traffic, then let every admission take its turn."""
        answers = True
        for admission in self._board.all():
            load = None
            is_there = not admission.view.upstream  # who has a server of its own is not asked about
            if self._had_traffic(admission) and answers and is_there:
                try:
                    load = await self._load_of(admission.view)
                except (ControlError, TimeoutError):
                    answers = False  # nor would it for the others: they shall not wait for it
            admission.turn(load)
            admission.show()
        known = {(one.view.model, one.view.version) for one in self._board.all()}
        for key in self._granted.keys() - known:
            del self._granted[key]
            self._counted.pop(key, None)

    def _had_traffic(self, admission: Admission) -> bool:
        key = (admission.view.model, admission.view.version)
        before = self._granted.get(key, 0)
        self._granted[key] = admission.granted
        return admission.granted != before or admission.in_flight > 0

    async def _load_of(self, view: VersionView) -> TritonLoad | None:
        path = f"/v2/models/{quote(view.model, safe='')}/versions/{view.version}/stats"
        async with asyncio.timeout(_TIMEOUT_S):
            answer = await self._request("GET", path)
        counted = _read(answer, self._clock())
        key = (view.model, view.version)
        before = self._counted.pop(key, None)
        if counted is None:
            return None
        self._counted[key] = counted
        if before is None or counted.at_s - before.at_s > _STALE_S:
            return None
        return counted.since(before)


def _read(answer: UpstreamAnswer, now_s: float) -> _Counted | None:
    """Read the counters of the one version that was asked for; None where they are not there."""
    if answer.status != _OK:
        return None
    try:
        (version,) = orjson.loads(answer.body)["model_stats"]
        by_request = version["inference_stats"]
        return _Counted(
            at_s=now_s,
            requests=int(by_request["compute_infer"]["count"]),
            rows=int(version["inference_count"]),
            queue_ns=int(by_request["queue"]["ns"]),
            compute_ns=_compute_ns(by_request),
            batches={
                int(batch["batch_size"]): (
                    int(batch["compute_infer"]["count"]),
                    _compute_ns(batch),
                )
                for batch in version.get("batch_stats") or ()
            },
        )
    except (ValueError, KeyError, TypeError):
        return None


def _compute_ns(stats: Any) -> int:  # noqa: ANN401 - a part of Triton's document
    parts = ("compute_input", "compute_infer", "compute_output")
    return sum(int(stats[part]["ns"]) for part in parts)
