"""Learns from the requests that pass: sketches for the controller, drift for the metrics.

A request costs a few counts; only some of many are looked into, and none of them is kept.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from control.core.drift import Drift
from control.core.findings import Findings
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest
from control.gateway.drift_series import DriftSeries, Place
from control.learning.pace import Pace
from control.learning.recent import WINDOW_S
from control.learning.version import LearnedVersion
from control.link.events import TrafficReport, encode_event
from control.link.uplink import Uplink
from control.observability.metrics import GatewayMetrics

_TURN_S: Final = 5.0
#: Versions that are learned; beyond, the one that has been without requests for longest goes.
MOST_VERSIONS: Final = 32
#: Requests a second that are looked into, of all versions together: two percent of a core at most.
_RATE: Final = 200.0

_Key = tuple[str, int]


class Traffic:
    """Belongs to the event loop."""

    def __init__(
        self,
        uplink: Uplink,
        metrics: GatewayMetrics,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Report by ``uplink``; show drift in ``metrics``. ``draw`` gives random numbers 0 to 1."""
        self._uplink = uplink
        self._series = DriftSeries(metrics)
        self._clock = clock
        self._draw = draw
        self._gateway = uuid4().hex
        self._versions: dict[_Key, LearnedVersion] = {}
        self._reported: dict[_Key, int] = {}
        self._connection = 0
        self._pace = Pace(_RATE)
        self._windows = int(clock() // WINDOW_S)

    def note(
        self,
        view: VersionView,
        request: InferRequest,
        findings: Findings | None,
        body_bytes: int,
    ) -> None:
        """Learn from a request that passed the check."""
        learned = self._versions.get((view.model, view.version))
        if learned is None or learned.view is not view:
            learned = self._adopt(view, learned)
        learned.count(request, body_bytes)
        now_s = self._clock()
        if now_s >= learned.pace.next_s and now_s >= self._pace.next_s:
            draw = self._draw()
            learned.pace.take(now_s, draw)
            self._pace.take(now_s, draw)
            learned.sketch(request, findings, self._draw())

    def close(self) -> None:
        """Forget everything: the sketches' library complains of those that outlive Python."""
        self._versions.clear()

    async def run(self, interval_s: float = _TURN_S) -> None:
        """Report and compare for ever, away from the requests."""
        while True:
            await asyncio.sleep(interval_s)
            await self.turn()

    async def turn(self) -> None:
        """Report what changed, bring the series up to date; other tasks run in between."""
        windows = int(self._clock() // WINDOW_S)
        passed, self._windows = windows - self._windows, windows
        if self._connection != self._uplink.connections:
            # A new controller knows nothing: it gets everything again.
            self._connection = self._uplink.connections
            self._reported.clear()
        for key, learned in list(self._versions.items()):
            self._show_drift(learned, passed)
            self._report(key, learned)
            await asyncio.sleep(0)

    def _adopt(self, view: VersionView, learned: LearnedVersion | None) -> LearnedVersion:
        """Begin to learn a version, or go on with a newer view of it."""
        key = (view.model, view.version)
        if learned is not None and learned.fits(view):
            learned.adopt(view)
            return learned
        if learned is None and len(self._versions) >= MOST_VERSIONS:
            idle = min(self._versions, key=lambda one: self._versions[one].pace.next_s)
            self._series.show(self._versions.pop(idle).view, {})
        learned = self._versions[key] = LearnedVersion(view)
        self._reported.pop(key, None)
        return learned

    def _show_drift(self, learned: LearnedVersion, windows: int) -> None:
        drifts: dict[Place, Drift] = {}
        for name, feature, recent in learned.recent():
            recent.rotate(windows)
            drift = recent.drift()
            if drift is not None:
                drifts[name, feature] = drift
        self._series.show(learned.view, drifts)

    def _report(self, key: _Key, learned: LearnedVersion) -> None:
        if self._reported.get(key) == learned.requests:
            return
        report = encode_event(TrafficReport(self._gateway, learned.summary()))
        if self._uplink.offer(report):
            self._reported[key] = learned.requests
