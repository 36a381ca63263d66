"""What gateways report of canaries: counts pooled over all of them, and who has stopped one."""

import threading
from collections.abc import Callable
from typing import Final

from control.core.judge_counts import JudgeCounts
from control.link.events import CanaryReport

#: Gateway processes whose reports of one rollout are kept; a restarted one has another name.
_MOST_GATEWAYS: Final = 256


class CanaryReports:
    """Written by the event loop, read by Flask's threads too; a lock guards the reports.

    Each report replaces the one before of the same gateway. What a gateway process that has ended
    had counted stays in the sum: those calls were made.
    """

    def __init__(self, on_stop: Callable[[str], None]) -> None:
        """Call ``on_stop`` with the model whenever a gateway says that it has stopped a canary."""
        self._on_stop = on_stop
        self._lock = threading.Lock()
        self._by_rollout: dict[str, dict[str, CanaryReport]] = {}

    def hear(self, report: CanaryReport) -> None:
        """Take a report."""
        with self._lock:
            reports = self._by_rollout.setdefault(report.rollout, {})
            if report.gateway in reports or len(reports) < _MOST_GATEWAYS:
                reports[report.gateway] = report
        if report.stopped:
            self._on_stop(report.model)

    def counts(self, rollout: str) -> JudgeCounts:
        """Give what all gateways have counted together."""
        total = JudgeCounts()
        for report in self._reports(rollout):
            total = total + report.counts
        return total

    def stopped(self, rollout: str) -> str:
        """Give why the first gateway stopped the canary; empty where none has."""
        stops = [one for one in self._reports(rollout) if one.stopped]
        first = min(stops, key=lambda one: one.stopped_at, default=None)
        return "" if first is None else first.stopped

    def forget_others(self, rollouts: set[str]) -> None:
        """Forget rollouts that have ended."""
        with self._lock:
            for rollout in self._by_rollout.keys() - rollouts:
                del self._by_rollout[rollout]

    def _reports(self, rollout: str) -> list[CanaryReport]:
        with self._lock:
            return list(self._by_rollout.get(rollout, {}).values())
