"""Shared memory that dead processes have left."""

import mmap
import os
from pathlib import Path

from control.triton.shared_memory import remove_leaked_regions, remove_regions


def make(directory: Path, name: str) -> Path:
    """A region of one page."""
    region = directory / name
    region.write_bytes(bytes(mmap.PAGESIZE))
    return region


def test_only_unmapped_regions_of_the_prefix_are_removed(tmp_path: Path) -> None:
    """What somebody has mapped, or what is somebody else's, stays."""
    leaked, used, foreign = (make(tmp_path, name) for name in ("ours_1", "ours_2", "theirs_1"))
    (tmp_path / "ours_folder").mkdir()
    descriptor = os.open(used, os.O_RDWR)
    with mmap.mmap(descriptor, mmap.PAGESIZE):
        os.close(descriptor)
        assert remove_leaked_regions("ours_", tmp_path) == 1
        assert not leaked.exists()
        assert used.exists()
        assert foreign.exists()
    assert remove_leaked_regions("ours_", tmp_path) == 1
    assert not used.exists()
    assert foreign.exists()


def test_a_name_with_a_space_is_still_seen_as_mapped(tmp_path: Path) -> None:
    """The kernel's table of mappings is read to the end of the line."""
    used = make(tmp_path, "ours with space")
    with used.open("r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE):
        assert remove_leaked_regions("ours", tmp_path) == 0
    assert used.exists()


def test_of_a_server_that_is_over_all_regions_are_removed(tmp_path: Path) -> None:
    """Who was killed with it may have one mapped for a moment yet: that holds up nothing."""
    used, foreign = make(tmp_path, "ours_1"), make(tmp_path, "theirs_1")
    (tmp_path / "ours_folder").mkdir()
    with used.open("r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE):
        assert remove_regions("ours_", tmp_path) == 1
    assert not used.exists()
    assert foreign.exists()
    assert remove_regions("ours_", tmp_path) == 0


def test_nothing_to_remove_is_nothing(tmp_path: Path) -> None:
    """A clean machine costs nothing."""
    assert remove_leaked_regions("ours_", tmp_path) == 0
