"""How much processor time the control groups of a process allow."""

import math
from pathlib import Path
from typing import Final

from control.control_groups import ROOT, Group, groups_of

_PROC: Final = Path("/proc/self/cgroup")


def processor_quota(root: Path = ROOT, own: Path = _PROC) -> float:
    """Give how many processors this process may use at most, in its group and all above it.

    Infinite where there is no limit, or none that can be read.
    """
    return min(map(_quota_of, groups_of(own, "cpu", root)), default=math.inf)


def _quota_of(group: Group) -> float:
    folder = group.folder
    if group.version == 1:
        return _quota(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))
    quota, _, period = _read(folder / "cpu.max").partition(" ")
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
