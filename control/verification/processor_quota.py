"""How much processor time the control groups of a process allow, version 1 and 2."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_PROC: Final = Path("/proc/self/cgroup")


def processor_quota(root: Path = _ROOT, own: Path = _PROC) -> float:
    """Give how many processors this process may use at most, in its group and all above it.

    Infinite where there is no limit, or none that can be read.
    """
    try:
        lines = own.read_text().splitlines()
    except (OSError, ValueError):
        return math.inf
    return min((quota for line in lines for quota in _quotas(line, root)), default=math.inf)


def _quotas(line: str, root: Path) -> Iterator[float]:
    number, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if "cpu" in controllers.split(","):
        yield from map(_version_1, _groups(root / "cpu", path))
    elif number == "0" and not controllers:
        yield from map(_version_2, _groups(root, path))


def _groups(mount: Path, path: str) -> Iterator[Path]:
    """Walk from a group to the top.

    In a container the path may be the host's, of which nothing is mounted but the container's own
    group, as the top.
    """
    inner = mount / path.strip("/")
    folder = inner if inner.is_dir() else mount
    while folder.is_relative_to(mount):
        yield folder
        folder = folder.parent


def _version_1(group: Path) -> float:
    return _quota(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us"))


def _version_2(group: Path) -> float:
    quota, _, period = _read(group / "cpu.max").partition(" ")
    return _quota(quota, period)


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return ""


def _quota(quota: str, period: str) -> float:
    """Divide; ``max`` and ``-1`` stand for no limit."""
    if not (quota.isdecimal() and period.isdecimal()) or not int(period):
        return math.inf
    return int(quota) / int(period)
