"""What all gateways have learned from traffic, as they reported it last."""

import threading
from collections.abc import Mapping
from typing import Final

from control.learning.summary import VersionSummary
from control.link.events import TrafficReport

#: Gateway processes whose reports are kept, those that are gone included: what they learned is
#: still true. Beyond, the one that has been silent for longest is forgotten.
MOST_GATEWAYS: Final = 64
#: Versions of each gateway, as many as it learns: of those beyond, the one that has been silent for
#: longest is forgotten. New ones come for as long as a model lives.
MOST_VERSIONS: Final = 32

_Versions = dict[tuple[str, int], VersionSummary]


class LearnedTraffic:
    """Written by the event loop, read by Flask's threads; a lock guards the reports.

    Nothing is kept on disk: gateways outlive the controller, and tell a new one everything again.
    """

    def __init__(self) -> None:
        """Start without a report."""
        self._lock = threading.Lock()
        self._gateways: dict[str, _Versions] = {}

    def hear(self, report: TrafficReport) -> None:
        """Take a report in the place of the gateway's last one on that version."""
        learned = report.traffic
        with self._lock:
            versions = self._gateways.pop(report.gateway, {})
            self._gateways[report.gateway] = versions  # the last one heard stands last
            versions.pop((learned.model, learned.version), None)
            versions[learned.model, learned.version] = learned
            while len(versions) > MOST_VERSIONS:
                del versions[next(iter(versions))]
            while len(self._gateways) > MOST_GATEWAYS:
                del self._gateways[next(iter(self._gateways))]

    def of_model(self, model: str) -> Mapping[int, list[VersionSummary]]:
        """Give the reports of all gateways on a model, by version."""
        found: dict[int, list[VersionSummary]] = {}
        with self._lock:
            for versions in self._gateways.values():
                for (name, number), learned in versions.items():
                    if name == model:
                        found.setdefault(number, []).append(learned)
        return found
