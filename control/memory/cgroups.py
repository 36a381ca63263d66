"""Memory limits of the control groups that a process is in, version 1 and 2."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from control.core.memory_budget import Reading

_ROOT: Final = Path("/sys/fs/cgroup")
#: Version 1 writes a number near 2^63 where there is no limit.
_NO_LIMIT: Final = 2**60
#: The files of a limit and of what is used, and in memory.stat the pages of files that nobody has
#: used of late: they are given up before anything is killed.
_VERSION_1: Final = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2: Final = ("memory.max", "memory.current", "inactive_file")


def read_cgroups(pid: int, root: Path = _ROOT, proc: Path = Path("/proc")) -> dict[str, Reading]:
    """Give the limits above a process, each by its group's folder; empty without any."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return {}
    found: dict[str, Reading] = {}
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            found.update(_limits_above(root / "memory", path, _VERSION_1))
        elif number == "0" and not controllers:
            found.update(_limits_above(root, path, _VERSION_2))
    return found


def _limits_above(
    mount: Path, path: str, names: tuple[str, str, str]
) -> Iterator[tuple[str, Reading]]:
    """Walk from the group to the top: each limit holds for all below it.

    In a container the path may be the host's, of which nothing is mounted but the container's own
    group, as the top.
    """
    inner = path.strip("/")
    folder = mount / inner if (mount / inner).is_dir() else mount
    while folder.is_relative_to(mount):
        reading = _read(folder, names)
        if reading is not None:
            yield str(folder), reading
        folder = folder.parent


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
