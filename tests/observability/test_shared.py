"""Series of several workers in one answer."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from control.observability.shared import SharedSeries
from tests.support.stack import ROOT

#: prometheus_client decides at its import whether processes share their values.
WORKER = """
import sys
from prometheus_client import CollectorRegistry
from control.observability.metrics import GatewayMetrics
metrics = GatewayMetrics(CollectorRegistry())
metrics.input_drift_psi.labels("m", "1", "X", "values").set(float(sys.argv[1]))
metrics.input_drift_psi.labels("m", "1", "X", "dim0").set(-1.0)
metrics.in_flight.set(2)
metrics.replays.inc()
"""


def exposed(folder: Path, *values: str) -> str:
    """What is exposed when workers have set the index to these values."""
    for value in values:
        subprocess.run(
            [sys.executable, "-c", WORKER, value],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            cwd=ROOT,
            check=True,
            timeout=60,
        )
    registry = CollectorRegistry()
    registry.register(SharedSeries(folder))
    return generate_latest(registry).decode()


def test_the_worst_worker_is_shown_and_no_data_is_absent(tmp_path: Path) -> None:
    """A worker without data neither hides another's value nor shows one of its own."""
    text = exposed(tmp_path, "-1.0", "0.5", "0.25")
    assert 'seawall_input_drift_psi{feature="values",input="X",model="m",version="1"} 0.5' in text
    assert "dim0" not in text
    assert "seawall_in_flight_requests 6.0" in text
    assert "seawall_replays_total 3.0" in text


def test_a_series_without_any_data_is_absent_as_a_whole(tmp_path: Path) -> None:
    """Not even its name is shown."""
    assert "seawall_input_drift_psi" not in exposed(tmp_path, "-1.0", "-1.0")
