"""Files whose content cannot be read: what is shown, and that nobody else waits for them."""

import errno
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from control.repository import reading
from control.repository.content import checksum
from control.repository.reading import ContentReader
from control.repository.tree import Tree, TreeFile
from tests.repository.source_models import VERSION, sums_of, write_files, write_model
from tests.repository.watched_source import COMPLETE, WRITING, Scene
from tests.support.polls import eventually

SUMMED = {**VERSION, "SHA256SUMS": sums_of(VERSION)}
REASON = "weights/first.bin cannot be read: Input/output error"


class BadDisk:
    """Some files fail to be read, as of a mounted object store that lost them."""

    def __init__(self) -> None:
        self.broken: set[Path] = set()
        self.reads: list[Path] = []

    def checksum(self, file: TreeFile) -> str:
        """Read a file, or fail."""
        self.reads.append(file.path)
        if file.path in self.broken:
            raise OSError(errno.EIO, "Input/output error")
        return checksum(file)


async def says(scene: Scene, version: int, reason: str) -> None:
    """Wait for what is shown of a version."""
    await eventually(lambda: (drop := scene.drop(version)) and drop.reason == reason, reason)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> BadDisk:
    """All reading goes through it."""
    disk = BadDisk()
    monkeypatch.setattr(reading, "checksum", disk.checksum)
    return disk


async def test_a_file_that_cannot_be_read_holds_up_its_own_version_alone(
    scene: Scene, disk: BadDisk
) -> None:
    """Its drop says which file and why, those after it are complete, and it is tried again."""
    for version in (2, 3, 4):
        write_files(scene.source / "m" / str(version), SUMMED)
        if version != 4:
            disk.broken.add(scene.source / "m" / str(version) / "weights" / "first.bin")
    await scene.becomes(COMPLETE, 4)
    for version in (2, 3):
        await says(scene, version, REASON)
        assert scene.state(version) is WRITING
    disk.broken.clear()
    await scene.becomes(COMPLETE, 2)
    await scene.becomes(COMPLETE, 3)


async def test_a_version_that_waits_for_no_checksums_is_complete_all_the_same(
    scene: Scene, disk: BadDisk
) -> None:
    """Its copy will tell whether it can be read."""
    disk.broken.add(scene.source / "m" / "2" / "weights" / "first.bin")
    write_files(scene.source / "m" / "2", VERSION)
    await scene.becomes(COMPLETE, 2)


async def test_other_files_in_its_place_are_read_at_once(scene: Scene, disk: BadDisk) -> None:
    """What failed says nothing of them."""
    version = scene.source / "m" / "2"
    disk.broken.add(version / "weights" / "first.bin")
    write_files(version, SUMMED)
    await says(scene, 2, REASON)
    (version / "weights" / "first.bin").unlink()
    await says(scene, 2, "weights/first.bin is missing: SHA256SUMS names it")


async def test_checksums_are_forgotten_where_files_are_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at all paths of a large repository takes long: the event loop goes on meanwhile."""
    threads: list[int] = []
    forget = ContentReader.forget_others

    def noted(reader: ContentReader, trees: Iterable[Tree]) -> None:
        threads.append(threading.get_ident())
        forget(reader, trees)

    monkeypatch.setattr(ContentReader, "forget_others", noted)
    write_model(scene.source, "other", 1)
    await eventually(lambda: (drop := scene.drop(1, "other")) and drop.digest, "it has been read")
    assert threads
    assert threading.get_ident() not in threads
