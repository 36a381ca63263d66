"""What guards each version in each gateway right now, as the gateways report it each second."""

import threading
import time
from collections.abc import Callable
from typing import Final

from control.link.events import GuardReport, VersionGuards

#: A gateway that has been silent for longer is gone, or stuck: its numbers are no longer true.
_SILENT_S: Final = 5.0
#: Gateway processes whose reports are kept at most; those that are gone are dropped first.
_MOST_GATEWAYS: Final = 64


class GuardWatch:
    """Written by the event loop, read by Flask's threads; a lock guards the reports."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a report."""
        self._clock = clock
        self._lock = threading.Lock()
        self._reports: dict[str, tuple[float, GuardReport]] = {}

    def hear(self, report: GuardReport) -> None:
        """Take a report in the place of the gateway's last one."""
        now_s = self._clock()
        with self._lock:
            self._reports.pop(report.gateway, None)
            self._reports[report.gateway] = now_s, report  # the last one heard stands last
            for gateway, (heard_s, _) in list(self._reports.items()):
                if self._is_silent(heard_s, now_s) or len(self._reports) > _MOST_GATEWAYS:
                    del self._reports[gateway]

    def of_version(self, model: str, version: int) -> dict[str, VersionGuards]:
        """Give what guards a version, by gateway process, in the order of their names."""
        now_s = self._clock()
        with self._lock:
            reports = [
                report
                for heard_s, report in self._reports.values()
                if not self._is_silent(heard_s, now_s)
            ]
        found = {
            report.gateway: one
            for report in reports
            for one in report.versions
            if (one.model, one.version) == (model, version)
        }
        return dict(sorted(found.items()))

    @staticmethod
    def _is_silent(heard_s: float, now_s: float) -> bool:
        return now_s - heard_s > _SILENT_S
