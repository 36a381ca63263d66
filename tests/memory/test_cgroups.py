"""Memory limits of control groups."""

from pathlib import Path

from control.core.memory_budget import Reading
from control.memory.cgroups import read_cgroups


def write(folder: Path, **files: str) -> None:
    """Write a group's files; underscores after the first word are dots no more."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("memory_", "memory.", 1)).write_text(text)


def of_process(folder: Path, lines: str) -> Path:
    """A /proc with one process in it."""
    write(folder / "7", cgroup=lines)
    return folder


def test_version_1_is_read(tmp_path: Path) -> None:
    """The limit and the use, without pages of files that nobody uses."""
    write(
        tmp_path / "memory" / "box",
        memory_limit_in_bytes="1000\n",
        memory_usage_in_bytes="700\n",
        memory_stat="inactive_file 1\ntotal_inactive_file 200\n",
    )
    proc = of_process(tmp_path / "proc", "4:cpu,memory:/box\n3:cpuset:/\n")
    found = read_cgroups(7, tmp_path, proc)
    assert found == {str(tmp_path / "memory" / "box"): Reading(1000, 500)}


def test_version_2_is_read_up_to_the_top(tmp_path: Path) -> None:
    """A limit above holds as well; a group without one does not."""
    outer = tmp_path / "pod"
    write(outer, memory_max="5000", memory_current="4000", memory_stat="inactive_file 0\n")
    write(outer / "a", memory_max="max", memory_current="30", memory_stat="")
    write(outer / "a" / "b", memory_max="50", memory_current="20", memory_stat="")
    found = read_cgroups(7, tmp_path, of_process(tmp_path / "proc", "0::/pod/a/b\n"))
    assert found == {str(outer / "a" / "b"): Reading(50, 20), str(outer): Reading(5000, 4000)}


def test_in_a_container_the_own_group_is_the_top(tmp_path: Path) -> None:
    """Where the path is the host's and nothing of that name is there."""
    write(tmp_path, memory_max="900", memory_current="100", memory_stat="inactive_file 0\n")
    proc = of_process(tmp_path / "proc", "0::/docker/0123\n")
    assert read_cgroups(7, tmp_path, proc) == {str(tmp_path): Reading(900, 100)}


def test_no_limit_is_no_reading(tmp_path: Path) -> None:
    """Version 1 says a number near 2^63; and what cannot be read bounds nobody."""
    write(
        tmp_path / "memory",
        memory_limit_in_bytes="9223372036854771712",
        memory_usage_in_bytes="5",
        memory_stat="",
    )
    proc = of_process(tmp_path / "proc", "4:memory:/\n0::/\n")
    assert read_cgroups(7, tmp_path, proc) == {}
    assert read_cgroups(8, tmp_path, proc) == {}
