"""Limits that kill a process which exceeds them: what the machine here offers."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control.memory.processes import read_process

MIB = 2**20


@contextmanager
def address_space(pid: int, more_bytes: int) -> Iterator[None]:
    """Let allocations fail: code that cannot bear that dies of it."""
    sizes = Path(f"/proc/{pid}/status").read_text()
    (line,) = [one for one in sizes.splitlines() if one.startswith("VmSize:")]
    limit = int(line.split()[1]) * 1024 + more_bytes
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    assert read_process(pid).bounded.limit_bytes == limit  # type: ignore[union-attr]
    yield


@contextmanager
def control_group(pid: int, more_bytes: int) -> Iterator[None]:
    """Let the kernel kill, as in a container; what the process has already counts elsewhere."""
    group = _new_group(f"seawall-test-{os.getpid()}-{pid}")
    assert group is not None
    try:
        _limit_file(group).write_text(str(more_bytes))
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        members = (group / "cgroup.procs").read_text().split()
        for member in members:
            (group.parent / "cgroup.procs").write_text(member)
        group.rmdir()


def available() -> list[str]:
    """Name the kinds that can be set here: control groups need rights over them."""
    probe = _new_group(f"seawall-probe-{os.getpid()}")
    if probe is None:
        return ["address_space"]
    probe.rmdir()
    return ["address_space", "control_group"]


KINDS = {"address_space": address_space, "control_group": control_group}


def _new_group(name: str) -> Path | None:
    for mount in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
        group = mount / name
        try:
            group.mkdir()
        except OSError:
            continue
        if _limit_file(group).exists():
            return group
        group.rmdir()
    return None


def _limit_file(group: Path) -> Path:
    old = group / "memory.limit_in_bytes"
    return old if old.exists() else group / "memory.max"
