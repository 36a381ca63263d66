"""The series that say how far inputs have moved from what a contract was learned from."""

from collections.abc import Mapping

from control.core.drift import Drift
from control.core.snapshot import VersionView
from control.observability.metrics import GatewayMetrics
from control.observability.shared import NO_DATA

#: Input and feature.
Place = tuple[str, str]


class DriftSeries:
    """Shows measures while there are any, and takes them back when there are none any more."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        """Show in ``metrics``; nothing is shown yet."""
        self._psi = metrics.input_drift_psi
        self._outside = metrics.input_outside_envelope
        self._shown: dict[tuple[str, int], set[Place]] = {}

    def show(self, view: VersionView, drifts: Mapping[Place, Drift]) -> None:
        """Show these measures of a version, and no others."""
        for place in self._shown.pop((view.model, view.version), set()) - drifts.keys():
            self._set(view, place, NO_DATA, NO_DATA)
        for place, drift in drifts.items():
            self._set(view, place, drift.psi, drift.outside_ratio)
        if drifts:
            self._shown[view.model, view.version] = set(drifts)

    def _set(self, view: VersionView, place: Place, psi: float, outside: float) -> None:
        labels = (view.model, str(view.version), *place)
        self._psi.labels(*labels).set(psi)
        self._outside.labels(*labels).set(outside)
