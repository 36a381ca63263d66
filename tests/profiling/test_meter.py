"""How far a piece of work drives memory."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from control.profiling.meter import GpuMeter, ProcessMeter

MIB = 2**20
HOLDER = """\
import sys
print("ready", flush=True)
for line in sys.stdin:
    held = b"x" * (int(line) * 2**20)
    del held
    print("done", flush=True)
"""


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


async def test_memory_that_is_held_for_a_moment_is_measured(holder: subprocess.Popen[str]) -> None:
    """Each work by itself, against what the process held at first."""
    meter = ProcessMeter([holder.pid])

    def hold(mebibytes: int) -> None:
        assert holder.stdin
        assert holder.stdout
        holder.stdin.write(f"{mebibytes}\n")
        holder.stdin.flush()
        holder.stdout.readline()

    async def large() -> None:
        hold(100)

    async def small() -> None:
        hold(20)

    assert 95 * MIB < await meter.growth_during(large) < 110 * MIB
    assert 15 * MIB < await meter.growth_during(small) < 30 * MIB
    assert meter.alive
    assert 1 * MIB < meter.loaded_bytes < 64 * MIB
    holder.kill()
    holder.wait()
    assert not meter.alive


async def test_without_processes_nothing_grows() -> None:
    """A model that runs in the server itself has none of its own."""

    async def nothing() -> None:
        return

    meter = ProcessMeter([])
    assert await meter.growth_during(nothing) == 0
    assert (meter.processes, meter.loaded_bytes) == (0, 0)


async def test_a_gpu_grows_by_the_most_of_all() -> None:
    """From what was used when the model was loaded."""
    used = [[100, 200], [400, 250]]

    async def metrics() -> str:
        one, two = used.pop(0)
        return "\n".join(
            f'nv_gpu_memory_{what}_bytes{{gpu_uuid="{gpu}"}} {value}'
            for gpu, amount in (("a", one), ("b", two))
            for what, value in (("total", 1000), ("used", amount))
        )

    meter = GpuMeter(metrics, interval_s=0.0)
    assert await meter.start()
    assert await meter.growth() == 300


async def test_without_a_gpu_there_is_none() -> None:
    """Metrics without one say so."""

    async def metrics() -> str:
        return "nv_cpu_utilization 0.5\n"

    assert not await GpuMeter(metrics).start()
