"""Budgets of versions, kept to what their processes and their GPUs leave free."""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from control.core.memory_budget import UNBOUNDED
from control.core.protection import MemoryPolicy, Protection
from control.core.snapshot import Snapshot, VersionView
from control.core.tensors import InferRequest, Tensor
from control.gateway.protection.memory_readings import MemoryBoard, MemoryStatus
from control.memory.processes import read_host
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import make_view, snapshot_of
from tests.support.polls import eventually

MIB = 2**20
GPU_METRICS = """\
nv_gpu_memory_total_bytes{gpu_uuid="GPU-1"} 1000000.0
nv_gpu_memory_used_bytes{gpu_uuid="GPU-1"} 100000.0
"""


def needing(policy: MemoryPolicy, model: str = "identity", version: int = 1) -> VersionView:
    """A version whose contract predicts memory."""
    return replace(make_view(model, version=version), protection=Protection(memory=policy))


CPU = needing(MemoryPolicy(bytes_per_request=1000.0, bytes_per_row=10.0))


@pytest.fixture
def board(tmp_path: Path, metrics: GatewayMetrics) -> MemoryBoard:
    """A board whose tritonserver is this process."""
    (tmp_path / "pid").write_text(str(os.getpid()))
    return MemoryBoard(metrics, tmp_path / "pid", tmp_path / "notes")


@pytest.fixture
def start_stub(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Start a child that looks like a stub of this process."""
    program = tmp_path / "triton_python_backend_stub"
    program.symlink_to(Path(sys.executable).resolve())
    started: list[subprocess.Popen[bytes]] = []

    def start(model: str) -> int:
        code = tmp_path / model / "1/model.py"
        code.parent.mkdir(parents=True, exist_ok=True)
        code.write_text("import sys; print('up', flush=True); sys.stdin.read()")
        process = subprocess.Popen(
            [program, code, "region", f"{model}_0_0", "DEFAULT"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        started.append(process)
        return process.pid

    yield start
    for process in started:
        process.communicate()


def limit_of(pid: int, more_bytes: int) -> None:
    """Bound a process's address space to so much more than it has."""
    sizes = Path(f"/proc/{pid}/status").read_text()
    (line,) = [one for one in sizes.splitlines() if one.startswith("VmSize:")]
    limit = int(line.split()[1]) * 1024 + more_bytes
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def exposed(metrics: GatewayMetrics, gauge: str) -> float:
    """A gauge's value for the version."""
    return float(getattr(metrics, gauge).labels("identity", "1")._value.get())


def test_a_version_without_a_prediction_costs_nothing(board: MemoryBoard) -> None:
    """It has no budget, and each of its requests is predicted to need nothing."""
    plain = make_view()
    assert board.reservoir_of(plain) is None
    assert board.predict(plain, InferRequest([]), 5) == 0
    assert board.statuses() == []


def test_a_request_is_predicted_by_rows_bytes_and_tokens(board: MemoryBoard) -> None:
    """Rows are the batch; the bytes are those of the tensors, however they were sent."""
    view = needing(MemoryPolicy(1000.0, 100.0, 10.0, 1.0))
    inputs = [Tensor("A", "FP32", [3, 2], bytes(24)), Tensor("B", "UINT8", [3, 1], bytes(3))]
    rows = 3 if view.contract.max_batch_size else 1
    assert board.predict(view, InferRequest(inputs), 7) == 1000 + 100 * rows + 270 + 7


async def test_a_process_bounds_its_version(
    board: MemoryBoard, metrics: GatewayMetrics, start_stub: Callable[[str], int]
) -> None:
    """The budget is what its own limit leaves it, where that is least."""
    limit_of(start_stub("identity"), 100 * MIB)
    reservoir = board.reservoir_of(CPU)
    assert reservoir is not None
    await board.read()
    assert reservoir.capacity == 90 * MIB
    assert not reservoir.fits_ever(91 * MIB)
    assert reservoir.try_reserve(50 * MIB)
    await board.read()
    (status,) = board.statuses()
    assert (status.budget_bytes, status.reserved_bytes) == (90 * MIB, 50 * MIB)
    assert status.used_bytes is not None
    assert exposed(metrics, "memory_budget") == 90 * MIB
    assert exposed(metrics, "memory_reserved") == 50 * MIB
    assert exposed(metrics, "memory_used") == status.used_bytes


async def test_of_several_processes_the_tightest_counts(
    board: MemoryBoard, start_stub: Callable[[str], int]
) -> None:
    """Any of them may get all requests."""
    for more in (300, 100, 200):
        limit_of(start_stub("identity"), more * MIB)
    reservoir = board.reservoir_of(CPU)
    assert reservoir is not None
    await board.read()
    assert reservoir.capacity == 90 * MIB


async def test_without_own_limits_the_machine_bounds_all(
    board: MemoryBoard, start_stub: Callable[[str], int]
) -> None:
    """Versions share what the host, or a group around both, leaves free."""
    start_stub("identity")
    start_stub("other")
    one, other = (
        board.reservoir_of(CPU),
        board.reservoir_of(needing(CPU.protection.memory, "other")),
    )
    assert one is not None
    assert other is not None
    await board.read()
    host = read_host()
    assert host is not None
    free = one.capacity
    assert 0 < free < host.limit_bytes
    assert one.try_reserve(free // 2)
    assert not other.try_reserve(int(free * 0.9))
    one.release(free // 2)
    assert other.try_reserve(free // 2)


async def test_with_triton_elsewhere_only_the_named_budget_holds(
    tmp_path: Path, metrics: GatewayMetrics
) -> None:
    """Nothing of it can be read."""
    board = MemoryBoard(metrics, tmp_path / "no-such-file", tmp_path / "notes")
    free, named = CPU, needing(replace(CPU.protection.memory, budget_bytes=5000), "named")
    one, other = board.reservoir_of(free), board.reservoir_of(named)
    assert one is not None
    assert other is not None
    await board.read()
    assert (one.capacity, other.capacity) == (UNBOUNDED, 5000)
    assert board.statuses() == [
        MemoryStatus("identity", 1, None, 0, None),
        MemoryStatus("named", 1, 5000, 0, None),
    ]


async def test_a_gpus_memory_bounds_versions_on_it(tmp_path: Path, metrics: GatewayMetrics) -> None:
    """As Triton's metrics tell it; without metrics for a while, the last bounds stay."""
    texts: list[str | None] = [GPU_METRICS, None]

    async def read() -> str | None:
        return texts.pop(0)

    board = MemoryBoard(
        metrics, tmp_path / "none", tmp_path / "notes", workers=2, triton_metrics=read
    )
    reservoir = board.reservoir_of(needing(replace(CPU.protection.memory, device="gpu")))
    assert reservoir is not None
    await board.read()
    assert reservoir.capacity == 405_000
    await board.read()
    assert reservoir.capacity == 405_000


async def test_new_versions_are_read_at_once_and_gone_ones_forgotten(
    board: MemoryBoard, metrics: GatewayMetrics, start_stub: Callable[[str], int]
) -> None:
    """A budget is there before the first requests, and is no more shown after the last."""
    limit_of(start_stub("identity"), 100 * MIB)
    reading = asyncio.create_task(board.run(interval_s=1000))
    await asyncio.sleep(0)
    board.learn(snapshot_of(CPU))
    await eventually(lambda: board.statuses()[0].budget_bytes == 90 * MIB, "it is read")
    board.learn(Snapshot())
    assert board.statuses() == []
    assert exposed(metrics, "memory_budget") < 0
    reading.cancel()


async def test_a_contract_that_changes_changes_the_budget(board: MemoryBoard) -> None:
    """The reservations stay: it is the same budget under another policy."""
    before = board.reservoir_of(CPU)
    assert before is not None
    assert before.try_reserve(4000)
    after = board.reservoir_of(needing(replace(CPU.protection.memory, budget_bytes=5000)))
    assert after is before
    assert not after.try_reserve(1001)
