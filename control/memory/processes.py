"""Memory of a process and of the host, from /proc. Nothing here decides."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.core.memory_budget import Reading

_KIBIBYTE: Final = 1024
#: Fields of /proc/PID/stat after the command's closing parenthesis.
_START_TIME: Final = 19
#: What the kernel calls a limit on virtual memory, and where it counts what is used of it.
_LIMITS: Final = {"Max address space": "VmSize", "Max data size": "VmData"}


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """One process, whose ``start`` tells it from a later one with its number.

    ``bounded`` is the tightest of its own limits on virtual memory, None without any.
    """

    pid: int
    start: int
    resident_bytes: int
    bounded: Reading | None


def read_process(pid: int) -> ProcessMemory | None:
    """Read a process; None where it is gone or a zombie."""
    folder = Path(f"/proc/{pid}")
    try:
        sizes = dict(_sizes((folder / "status").read_text(errors="replace")))
        limits = (folder / "limits").read_text()
        stat = (folder / "stat").read_text(errors="replace")
    except OSError:
        return None
    if "VmRSS" not in sizes:
        return None
    start = int(stat.rpartition(")")[2].split()[_START_TIME])
    return ProcessMemory(pid, start, sizes["VmRSS"], _tightest(limits, sizes))


def read_host() -> Reading | None:
    """Read the machine's memory: used is what nobody could have without swapping."""
    try:
        sizes = dict(_sizes(Path("/proc/meminfo").read_text()))
        total = sizes["MemTotal"]
        return Reading(total, total - sizes["MemAvailable"])
    except (OSError, KeyError):
        return None


def restart_peak(pid: int) -> bool:
    """Make the kernel measure the process's peak anew; False where it may not be asked."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def read_resident(pid: int) -> tuple[int, int]:
    """Give what is resident now and at most since ``restart_peak``; zeros without a process."""
    try:
        sizes = dict(_sizes(Path(f"/proc/{pid}/status").read_text(errors="replace")))
    except OSError:
        return 0, 0
    return sizes.get("VmRSS", 0), sizes.get("VmHWM", 0)


def _sizes(text: str) -> Iterator[tuple[str, int]]:
    """Give the lines of the form ``name: number kB``."""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            yield name, int(value.removesuffix(" kB")) * _KIBIBYTE


def _tightest(limits: str, sizes: dict[str, int]) -> Reading | None:
    found = []
    for line in limits.splitlines():
        for name, counted in _LIMITS.items():
            soft = line.removeprefix(name).split()[0] if line.startswith(name) else ""
            if soft.isdigit():
                found.append(Reading(int(soft), sizes.get(counted, 0)))
    return min(found, key=lambda one: one.limit_bytes - one.used_bytes, default=None)
