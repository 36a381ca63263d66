"""Memory limits of the control groups that a process is in, version 1 and 2."""

from pathlib import Path
from typing import Final

from control.control_groups import ROOT, groups_of
from control.core.memory_budget import Reading

#: Version 1 writes a number near 2^63 where there is no limit.
_NO_LIMIT: Final = 2**60
#: The files of a limit and of what is used, and in memory.stat the pages of files that nobody has
#: used of late: they are given up before anything is killed.
_FILES: Final = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


def read_cgroups(pid: int, root: Path = ROOT, proc: Path = Path("/proc")) -> dict[str, Reading]:
    """Give the limits above a process, each by its group's folder; empty without any."""
    groups = groups_of(proc / str(pid) / "cgroup", "memory", root)
    readings = ((str(one.folder), _read(one.folder, _FILES[one.version])) for one in groups)
    return {folder: reading for folder, reading in readings if reading is not None}


def _read(folder: Path, names: tuple[str, str, str]) -> Reading | None:
    limit_file, usage_file, cache = names
    try:
        limit = (folder / limit_file).read_text().strip()
        if not limit.isdigit() or int(limit) >= _NO_LIMIT:
            return None
        usage = int((folder / usage_file).read_text())
        stat = (folder / "memory.stat").read_text()
    except (OSError, ValueError):
        return None
    given_up = [int(line.split()[1]) for line in stat.splitlines() if line.split()[:1] == [cache]]
    return Reading(int(limit), max(0, usage - sum(given_up)))
