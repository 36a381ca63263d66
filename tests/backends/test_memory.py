import subprocess
import sys

from backends.guarded import memory

LIMITED = """
import numpy as np
from backends.guarded import memory
memory.limit_data_segment(64)
np.ones(4 * 2**20)  # 32 MB fit
try:
    np.ones(40 * 2**20)  # 320 MB do not
except MemoryError:
    print("refused")
np.ones(4 * 2**20)
print("alive")
"""


def test_growth_beyond_the_limit_is_an_exception_and_the_process_lives() -> None:
    """A limited process fails the one big allocation and goes on."""
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["refused", "alive"]


def test_measures_do_not_import_torch() -> None:
    """A model without PyTorch pays nothing for the GPU figures."""
    code = (
        "import sys; from backends.guarded import memory; memory.reclaim('cuda:0');"
        "print(memory.cuda_allocated_bytes('cuda:0'), memory.rss_bytes() > 0);"
        "print('torch' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["0", "True", "False"]


def test_cpu_instances_hold_no_gpu_memory() -> None:
    """The CUDA figure of a CPU instance is zero."""
    assert memory.cuda_allocated_bytes("cpu") == 0
