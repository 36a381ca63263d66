"""Collects the series of all workers, without those that have no data any more."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

#: What a gauge is set to that has nothing to say: a worker cannot take a series out of the files
#: that it shares. The greatest of all workers is shown, so any real value is before this one.
NO_DATA: Final = -1.0


class SharedSeries(Collector):
    """The series of all workers; gauges below 0 are left out."""

    def __init__(self, folder: Path) -> None:
        """Read the files in ``folder``."""
        self._files = MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        """Give all series that have data."""
        for metric in self._files.collect():  # type: ignore[no-untyped-call]
            if metric.type == "gauge":
                metric.samples = [one for one in metric.samples if one.value >= 0]
            if metric.samples:
                yield metric
