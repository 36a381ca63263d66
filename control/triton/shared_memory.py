"""Removes shared memory that dead servers and stubs have left."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's place for it


def remove_leaked_regions(prefix: str, directory: Path = _SHARED_MEMORY) -> int:
    """Delete regions named ``prefix…`` that no process has mapped; give their number."""
    regions = _regions(prefix, directory)
    mapped = _mapped_paths() if regions else set()
    return _remove(region for region in regions if str(region) not in mapped)


def remove_regions(prefix: str, directory: Path = _SHARED_MEMORY) -> int:
    """Delete regions named ``prefix…``; give their number.

    For servers that are over. Who was killed with them may have one mapped for a moment yet, but
    nobody is left who would open it.
    """
    return _remove(_regions(prefix, directory))


def _regions(prefix: str, directory: Path) -> list[Path]:
    return [path for path in directory.glob(f"{prefix}*") if path.is_file()]


def _remove(regions: Iterable[Path]) -> int:
    removed = 0
    for region in regions:
        with contextlib.suppress(FileNotFoundError):
            region.unlink()
            removed += 1
    return removed


def _mapped_paths() -> set[str]:
    paths: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            lines = maps.read_text(errors="replace").splitlines()
        except OSError:
            continue  # the process has ended, or is not ours to look into
        paths.update(fields[5] for line in lines if len(fields := line.split(None, 5)) > 5)  # noqa: PLR2004
    return paths
