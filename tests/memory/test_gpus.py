"""GPU memory in Triton's metrics."""

from pathlib import Path

from control.core.memory_budget import Reading
from control.memory.gpus import GpuMemory, read_gpus
from control.memory.notes import MemoryNotes

RECORDED = """\
# HELP nv_gpu_memory_total_bytes GPU total memory, in bytes
# TYPE nv_gpu_memory_total_bytes gauge
nv_gpu_memory_total_bytes{gpu_uuid="GPU-aaaa-1"} 17179869184.000000
nv_gpu_memory_total_bytes{gpu_uuid="GPU-bbbb-2"} 8589934592.000000
# HELP nv_gpu_memory_used_bytes GPU used memory, in bytes
# TYPE nv_gpu_memory_used_bytes gauge
nv_gpu_memory_used_bytes{gpu_uuid="GPU-aaaa-1"} 1073741824.000000
nv_gpu_memory_used_bytes{gpu_uuid="GPU-bbbb-2"} 536870912.000000
nv_gpu_utilization{gpu_uuid="GPU-aaaa-1"} 0.250000
"""


def test_each_gpu_is_read() -> None:
    """By its name, total and used."""
    assert read_gpus(RECORDED) == {
        "GPU-aaaa-1": Reading(2**34, 2**30),
        "GPU-bbbb-2": Reading(2**33, 2**29),
    }


def test_without_gpus_there_is_nothing() -> None:
    """A CPU's metrics, half of a GPU's or nonsense bound nobody."""
    assert read_gpus('nv_cpu_memory_total_bytes 5\nnv_inference_count{model="m"} 3\n') == {}
    assert read_gpus('nv_gpu_memory_used_bytes{gpu_uuid="GPU-1"} 5\n') == {}
    assert read_gpus('nv_gpu_memory_used_bytes{gpu_uuid="GPU-1"} Nan\n') == {}


def test_every_gpu_bounds_every_version(tmp_path: Path) -> None:
    """What a GPU's caching allocator keeps of requests' memory is theirs again."""
    gpus = GpuMemory(MemoryNotes(tmp_path))
    gpus.read(RECORDED, {("m", 1): 0})
    grown = RECORDED.replace(" 1073741824.0", " 3221225472.0")
    readings = gpus.read(grown, {("m", 1): 2**30, ("n", 2): 0})
    assert readings.pools["GPU-aaaa-1"] == Reading(2**34, 3 * 2**30, 2**30)
    assert readings.versions.keys() == {("m", 1), ("n", 2)}
