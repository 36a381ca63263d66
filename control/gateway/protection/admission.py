"""Who may call which version now: the admissions of all versions that requests have asked for."""

import time
from collections.abc import Callable, Iterable

from control.core.snapshot import Snapshot, VersionView
from control.gateway.protection.admission_series import AdmissionSeries, AdmissionStatus
from control.gateway.protection.permits import Ask, Permit, Reservoir
from control.gateway.protection.version_admission import Admission
from control.observability.metrics import GatewayMetrics

ReservoirOf = Callable[[VersionView], Reservoir | None]


def no_memory(_view: VersionView) -> None:
    """Bound no version's memory."""


class AdmissionBoard:
    """One per gateway worker. All calls on its event loop."""

    def __init__(
        self,
        metrics: GatewayMetrics,
        *,
        workers: int = 1,
        reservoir_of: ReservoirOf = no_memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Share every limit among so many ``workers``; take memory from ``reservoir_of``.

        A fixed limit of fewer places than workers becomes one place for each.
        """
        self._metrics, self._workers = metrics, workers
        self._reservoir_of, self._clock = reservoir_of, clock
        self._admissions: dict[tuple[str, int], Admission] = {}

    def of(self, view: VersionView) -> Admission:
        """Give the version's admission, which from now on follows this ``view``."""
        admission = self._admissions.get((view.model, view.version))
        if admission is None:
            return self._make(view)
        if admission.view is not view:
            self._follow(admission, view)
        return admission

    def learn(self, snapshot: Snapshot) -> None:
        """Follow a new snapshot at once, and forget the versions that are gone."""
        for (model, version), admission in list(self._admissions.items()):
            known = snapshot.models.get(model)
            view = known.versions.get(version) if known else None
            if view is None:
                self.forget(model, version)
            else:
                self._follow(admission, view)

    def forget(self, model: str, version: int) -> None:
        """Forget a version; permits that are out still end well."""
        admission = self._admissions.pop((model, version), None)
        if admission is not None:
            admission.hide()

    def all(self) -> Iterable[Admission]:
        """Give every admission that there is now."""
        return tuple(self._admissions.values())

    def statuses(self) -> list[AdmissionStatus]:
        """Give what there is to see, by model and version."""
        return [self._admissions[key].status() for key in sorted(self._admissions)]

    def _make(self, view: VersionView) -> Admission:
        series = AdmissionSeries(self._metrics, view.model, view.version)
        admission = self._admissions[view.model, view.version] = Admission(
            view,
            series,
            workers=self._workers,
            reservoir=self._reservoir_of(view),
            clock=self._clock,
        )
        return admission

    def _follow(self, admission: Admission, view: VersionView) -> None:
        old, admission.view = admission.view, view
        if old.protection != view.protection or old.config_json != view.config_json:
            admission.reconfigure(view, self._reservoir_of(view))


__all__ = ["Admission", "AdmissionBoard", "AdmissionStatus", "Ask", "Permit", "Reservoir"]
