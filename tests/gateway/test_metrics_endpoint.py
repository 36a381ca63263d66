"""``/metrics``: our own series of all workers, and Triton's behind them."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.stack import ROOT

#: prometheus_client decides at its import whether processes share their counters.
SCRIPT = """
import asyncio, sys
from pathlib import Path
from control.child import ChildSetup
from control.config import load_settings
from control.gateway.assembly import Gateway
from control.gateway.metrics_endpoint import MetricsEndpoint
from control.http.messages import Request
from control.runtime import RuntimePaths
from tests.fakes.fake_triton import FakeTriton, send_raw

async def main(directory):
    async with FakeTriton(directory / "t.sock") as fake:
        fake.documents["/metrics"] = b"nv_inference_count 7\\n"
        url = f"unix:{fake.path}"
        flags = {"triton.http_url": url, "triton.metrics_url": url}
        setup = ChildSetup(load_settings(None, {}, flags), RuntimePaths(directory), "", {})
        gateway = Gateway(setup.settings, setup.paths)
        gateway.metrics.replays.inc()
        endpoint = MetricsEndpoint(setup, gateway)
        async def ask(method, path):
            reply = await endpoint.handle(Request(method, path, b"", {}, b""))
            return reply.status, b"".join(map(bytes, reply.body)).decode()
        print(await ask(b"GET", b"/metrics"))
        print(await ask(b"POST", b"/metrics"))
        print(await ask(b"GET", b"/other"))
        await fake.stop()
        print(await ask(b"GET", b"/metrics"))

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture
def printed(tmp_path: Path) -> list[str]:
    """What the endpoint answers in a process that shares its counters."""
    shared = tmp_path / "run" / "metrics"
    shared.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [line for line in done.stdout.splitlines() if line.startswith("(")]


def test_both_series_come_in_one_answer(printed: list[str]) -> None:
    """Ours first, then Triton's as it gives them; without Triton, ours alone."""
    both, posted, other, alone = printed
    assert both.startswith("(200,")
    assert both.index("seawall_replays_total 1.0") < both.index("nv_inference_count 7")
    assert posted.startswith("(404,")
    assert other.startswith("(404,")
    assert alone.startswith("(200,")
    assert "seawall_replays_total 1.0" in alone
    assert "nv_inference" not in alone
