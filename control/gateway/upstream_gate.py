"""Holds requests, bounded, while Triton is gone, and lets them go when it is back."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from control.errors import Overloaded, UpstreamUnavailable
from control.observability.logs import get_logger
from control.observability.upstream_series import UpstreamSeries

_log = get_logger("upstream")


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """How many requests may wait, how long, and how often one may be sent again."""

    max_held: int = 1024
    timeout_s: float = 30.0
    max_replays: int = 2
    probe_interval_s: float = 0.05


class UpstreamGate:
    """Open while Triton takes calls. Closed, it probes until Triton lives. One event loop's own."""

    def __init__(
        self, probe: Callable[[], Awaitable[bool]], limits: HoldLimits, metrics: UpstreamSeries
    ) -> None:
        """Start closed: the first ``probe`` that succeeds opens it."""
        self._probe = probe
        self.limits = limits
        self._metrics = metrics
        self._opened = asyncio.Event()
        self._prober: asyncio.Task[None] | None = None
        self._checker: asyncio.Task[None] | None = None
        self._held = 0
        self._ended = False
        metrics.upstream_up.set(0)

    def __repr__(self) -> str:
        """One line for logs and tests."""
        state = "open" if self.is_open else "closed"
        return f"<UpstreamGate {state}, {self._held} of {self.limits.max_held} held>"

    @property
    def is_open(self) -> bool:
        """Whether calls go through."""
        return self._opened.is_set()

    def close(self, reason: str) -> None:
        """Hold requests from now on, and probe."""
        if self._prober is not None or self._ended:
            return
        if self.is_open:
            _log.warning("upstream_lost", reason=reason)
        self._opened.clear()
        self._metrics.upstream_up.set(0)
        self._prober = asyncio.get_running_loop().create_task(self._probe_until_alive())

    def presume_open(self) -> None:
        """Let calls through before any probe: somebody has just seen that Triton lives."""
        self._opened.set()
        self._metrics.upstream_up.set(1)

    def end(self) -> None:
        """Probe no more."""
        self._ended = True
        for task in (self._prober, self._checker):
            if task is not None:
                task.cancel()

    def suspect(self) -> None:
        """Look whether Triton still lives; calls go on meanwhile."""
        if self.is_open and (self._checker is None or self._checker.done()):
            self._checker = asyncio.get_running_loop().create_task(self._check())

    async def _check(self) -> None:
        if not await self._probe():
            self.close("an idle connection was closed, and a probe failed")

    async def wait_open(self, until_s: float) -> None:
        """Wait until ``until_s`` (loop time); raises Overloaded or UpstreamUnavailable."""
        with self.holding():
            try:
                async with asyncio.timeout_at(until_s):
                    await self._opened.wait()
            except TimeoutError as error:
                message = "Triton did not come back in time"
                raise UpstreamUnavailable(message, retry_after_s=5) from error

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Count one held request; raises Overloaded where too many are held."""
        if self._held >= self.limits.max_held:
            message = f"Triton is away and {self._held} requests wait for it already"
            raise Overloaded(message, retry_after_s=5)
        self._held += 1
        self._metrics.held.inc()
        try:
            yield
        finally:
            self._held -= 1
            self._metrics.held.dec()

    async def _probe_until_alive(self) -> None:
        while not await self._probe():
            await asyncio.sleep(self.limits.probe_interval_s)
        self._prober = None
        self._opened.set()
        self._metrics.upstream_up.set(1)
        _log.info("upstream_up", held=self._held)
