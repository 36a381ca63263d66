"""The control groups that a process is in, version 1 and 2: each of their limits holds for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

ROOT: Final = Path("/sys/fs/cgroup")


class Group(NamedTuple):
    """A group: where its files are, and by which version they are named."""

    folder: Path
    version: Literal[1, 2]


def groups_of(own: Path, controller: str, root: Path = ROOT) -> Iterator[Group]:
    """Give the groups of one controller that a process is in, each with all above it.

    ``own`` is the process's file ``/proc/<pid>/cgroup``; one that cannot be read names no group.
    """
    try:
        lines = own.read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            yield from (Group(folder, 1) for folder in _up_to_top(root / controller, path))
        elif number == "0" and not controllers:
            yield from (Group(folder, 2) for folder in _up_to_top(root, path))


def _up_to_top(mount: Path, path: str) -> Iterator[Path]:
    """Walk from a group to the top.

    In a container the path may be the host's, of which nothing is mounted but the container's own
    group, as the top.
    """
    inner = mount / path.strip("/")
    folder = inner if inner.is_dir() else mount
    while folder.is_relative_to(mount):
        yield folder
        folder = folder.parent
