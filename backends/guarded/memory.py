"""Memory of this process and of its GPU: measured, limited and given back.

Every use of PyTorch goes through `sys.modules`: a model without it does not pay for its import.
"""

import gc
import os
import resource
import sys
from pathlib import Path
from types import ModuleType

MEBIBYTE = 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def rss_bytes() -> int:
    """Resident memory of this process."""
    resident_pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(resident_pages) * _PAGE_BYTES


def cuda_allocated_bytes(device: str) -> int:
    """Memory that PyTorch's tensors hold on the device; 0 on a CPU."""
    torch = _torch_on(device)
    return int(torch.cuda.memory_allocated(device)) if torch else 0


def reclaim(device: str) -> None:
    """Give back what can be given back before a failed allocation is tried again."""
    gc.collect()
    torch = _torch_on(device)
    if torch:
        torch.cuda.empty_cache()


def limit_data_segment(headroom_mb: int) -> int:
    """Let this process grow at most `headroom_mb` beyond what it holds now; return the limit.

    RLIMIT_DATA and not RLIMIT_AS: it counts private writable memory only, so Triton's shared-memory
    pool and memory-mapped weights stay out of it. A failed allocation is then an exception in one
    request instead of the kernel killing the stub, which Triton never restarts.
    CPU only: the CUDA driver reserves private address space far beyond any sensible limit.
    """
    limit = _data_segment_bytes() + headroom_mb * MEBIBYTE
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    return limit


def limit_gpu_memory(fraction: float, device: str) -> None:
    """Bound PyTorch's share of the GPU, so that one model cannot starve its neighbours."""
    torch = _torch_on(device)
    if torch:
        torch.cuda.set_per_process_memory_fraction(fraction, device)


def _data_segment_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmData line")


def _torch_on(device: str) -> ModuleType | None:
    return sys.modules.get("torch") if device.startswith("cuda") else None
