"""What the watch shows of drops, by notices from the kernel and by looking alone."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from control.config import RepositorySettings
from control.core.rollout_facts import DropState
from control.repository.content import content_digest
from control.repository.drops import Drop
from control.repository.notices import open_notices
from control.repository.watch import RepositoryWatch
from tests.repository.source_models import CONFIG, VERSION, sums_of, write_files, write_model
from tests.support.polls import eventually

SETTLE_S = 0.6
#: A look every now and then is all that a network file system allows.
POLL_S = 0.05
#: No look but those that notices ask for, or that something is due for.
NEVER_S = 3600.0

#: How many notices the kernel keeps until they are taken.
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")

WRITING, COMPLETE, BROKEN = DropState.WRITING, DropState.COMPLETE, DropState.BROKEN


class Scene:
    """A source with one model and one version that has settled, and a watch on it."""

    def __init__(self, directory: Path, watch: RepositoryWatch) -> None:
        self.source = directory / "source"
        self.elsewhere = directory / "elsewhere"
        self.watch = watch

    def drop(self, version: int, model: str = "m") -> Drop | None:
        """What is shown of a version."""
        return (self.watch.drops() or {}).get((model, version))

    def state(self, version: int, model: str = "m") -> DropState | None:
        """What state a version is in."""
        drop = self.drop(version, model)
        return drop.state if drop else None

    async def becomes(self, state: DropState | None, version: int, model: str = "m") -> float:
        """Wait for a version's state; gives how long that took."""
        began_s = time.monotonic()
        await eventually(lambda: self.state(version, model) is state, f"{version} is {state}")
        return time.monotonic() - began_s


@contextlib.asynccontextmanager
async def watching(source: Path, *, with_notices: bool, poll_s: float) -> AsyncIterator[Scene]:
    """Watch until the end."""
    settings = RepositorySettings(settle_s=SETTLE_S, poll_s=poll_s)
    watch = RepositoryWatch(source, settings, open_notices if with_notices else lambda: None)
    running = asyncio.create_task(watch.run())
    try:
        yield Scene(source.parent, watch)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@pytest_asyncio.fixture(params=["notices", "polling"])
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """The scene with either way to notice."""
    notices = request.param == "notices"
    write_model(tmp_path / "source", "m", 1)
    poll_s = NEVER_S if notices else POLL_S
    async with watching(tmp_path / "source", with_notices=notices, poll_s=poll_s) as scene:
        await scene.becomes(COMPLETE, 1)
        yield scene


async def test_a_slow_copy_is_not_complete_before_it_rests(scene: Scene) -> None:
    """However long it takes: from its end on it rests for the settle time, and is complete then."""
    version = scene.source / "m" / "2"
    version.mkdir()
    with (version / "model.py").open("w") as file:
        for _ in range(25):
            file.write("#" * 100)
            file.flush()
            await asyncio.sleep(0.05)
            assert scene.state(2) is not COMPLETE
    ended_s = time.monotonic()
    await scene.becomes(COMPLETE, 2)
    assert time.monotonic() - ended_s >= SETTLE_S - 0.05
    await eventually(lambda: (drop := scene.drop(2)) and drop.digest, "it has been read")
    drop = scene.drop(2)
    assert drop
    assert drop.digest == content_digest(version)


async def test_old_times_hide_nothing(scene: Scene) -> None:
    """A copy that keeps the times of its original is still being written all the same."""
    version = write_files(scene.source / "m" / "2", {"model.py": "x"})
    for number in range(12):
        os.utime(write_files(version, {f"{number}.bin": "x"}) / f"{number}.bin", (1, 1))
        await asyncio.sleep(SETTLE_S / 6)
        assert scene.state(2) is not COMPLETE
    await scene.becomes(COMPLETE, 2)


async def test_hidden_files_show_that_somebody_writes(scene: Scene) -> None:
    """Tools that copy into a hidden file first would else be taken to have ended."""
    version = write_files(scene.source / "m" / "2", {"model.py": "x"})
    for number in range(12):
        write_files(version, {".weights.bin.Xq2": "1" * number})
        await asyncio.sleep(SETTLE_S / 6)
        assert scene.state(2) is not COMPLETE
    (version / ".weights.bin.Xq2").rename(version / "weights.bin")
    await scene.becomes(COMPLETE, 2)


async def test_two_drops_at_once_are_two_drops(scene: Scene) -> None:
    """Each is shown by itself, and one that is still written does not keep the other."""
    write_files(scene.source / "m" / "2", VERSION)
    slow = write_files(scene.source / "m" / "3", VERSION)
    while scene.state(2) is not COMPLETE:
        write_files(slow, {"weights/more.bin": str(time.monotonic())})
        await asyncio.sleep(0.05)
        assert scene.state(3) is not COMPLETE
    await scene.becomes(COMPLETE, 3)


async def test_a_new_model_needs_its_config(scene: Scene) -> None:
    """A version of a model that is still being written waits, whole as it may be itself."""
    write_files(scene.source / "fresh" / "1", VERSION)
    await eventually(lambda: scene.drop(1, "fresh"), "it is seen")
    await asyncio.sleep(2 * SETTLE_S)
    drop = scene.drop(1, "fresh")
    assert drop
    assert (drop.state, drop.reason) == (
        WRITING,
        "beside the version: the model has no config.pbtxt yet",
    )
    write_files(scene.source / "fresh", {"config.pbtxt": CONFIG})
    await scene.becomes(COMPLETE, 1, "fresh")


async def test_a_removed_version_is_shown_no_more(scene: Scene) -> None:
    """Others stay; the whole model's folder may go too."""
    write_files(scene.source / "m" / "2", VERSION)
    write_model(scene.source, "other", 1)
    await scene.becomes(COMPLETE, 1, "other")
    await scene.becomes(COMPLETE, 2)
    shutil.rmtree(scene.source / "m" / "2")
    await scene.becomes(None, 2)
    assert scene.state(1) is COMPLETE
    shutil.rmtree(scene.source / "m")
    await scene.becomes(None, 1)
    assert scene.state(1, "other") is COMPLETE


async def test_a_changed_file_of_a_version_changes_its_fingerprint_and_digest(scene: Scene) -> None:
    """So that a live version that was edited is noticed; its contract and bytecode may change."""
    await eventually(lambda: (drop := scene.drop(1)) and drop.digest, "it has been read")
    before = scene.drop(1)
    assert before
    write_files(scene.source / "m" / "1", {"contract.yaml": "c", "__pycache__/x.pyc": "x"})
    write_files(scene.source / "m" / "1", {"weights/first.bin": "edited"})
    await eventually(
        lambda: (drop := scene.drop(1)) and drop.digest not in {"", before.digest}, "it is read"
    )
    write_files(scene.source / "m" / "1", {"weights/first.bin": VERSION["weights/first.bin"]})
    await eventually(lambda: (drop := scene.drop(1)) and drop.digest == before.digest, "as before")
    after = scene.drop(1)
    assert after
    assert after.fingerprint != before.fingerprint


async def test_right_checksums_need_no_waiting(scene: Scene) -> None:
    """A drop that says what belongs to it is complete with the last of it."""
    version = write_files(scene.source / "m" / "2", {"SHA256SUMS": sums_of(VERSION)})
    names = list(VERSION)
    for name in names[:-1]:
        write_files(version, {name: VERSION[name]})
    await asyncio.sleep(SETTLE_S / 2)
    assert scene.state(2) is WRITING
    write_files(version, {names[-1]: VERSION[names[-1]]})
    assert await scene.becomes(COMPLETE, 2) < 20.0
    drop = scene.drop(2)
    assert drop
    assert drop.digest == content_digest(version)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"weights/first.bin": "1" * 999}, "weights/first.bin is not the file that SHA256SUMS"),
        ({"SHA256SUMS": sums_of(VERSION)[:-30]}, "SHA256SUMS line 3 is not '<sha256>  <file>'"),
        ({"SHA256SUMS": sums_of({**VERSION, "z": ""})}, "z is missing: SHA256SUMS names it"),
    ],
)
async def test_wrong_checksums_of_a_folder_at_rest_break_it(
    scene: Scene, files: dict[str, str], reason: str
) -> None:
    """With the exact reason; when it is mended, it is complete."""
    version = scene.source / "m" / "2"
    write_files(version, {**VERSION, "SHA256SUMS": sums_of(VERSION), **files})
    await scene.becomes(BROKEN, 2)
    drop = scene.drop(2)
    assert drop
    assert drop.reason.startswith(reason)
    write_files(version, {**VERSION, "SHA256SUMS": sums_of(VERSION)})
    await scene.becomes(COMPLETE, 2)


async def test_what_has_no_place_in_a_version_breaks_it(scene: Scene) -> None:
    """A FIFO holds nobody up, and is told."""
    version = write_files(scene.source / "m" / "2", VERSION)
    os.mkfifo(version / "pipe")
    await scene.becomes(BROKEN, 2)
    drop = scene.drop(2)
    assert drop
    assert drop.reason == "pipe is a FIFO, no regular file"
    (version / "pipe").unlink()
    await scene.becomes(COMPLETE, 2)


async def test_folders_that_are_no_versions_are_no_drops(scene: Scene) -> None:
    """However much they look like versions."""
    for name in ("007", "1 (copy)", "0", ".2", "draft", str(2**63)):
        write_files(scene.source / "m" / name, VERSION)
    write_files(scene.source / "m", {"12": "a file"})
    write_files(scene.source / "m" / "2", VERSION)
    await scene.becomes(COMPLETE, 2)
    assert set(scene.watch.drops() or {}) == {("m", 1), ("m", 2)}


async def test_a_repository_that_is_away_shows_nothing(scene: Scene) -> None:
    """Neither gone, nor empty as a place where nothing is mounted: not all versions removed."""
    scene.source.rename(scene.elsewhere)
    await eventually(lambda: scene.watch.drops() is None, "it is away")
    scene.source.mkdir()
    await asyncio.sleep(3 * POLL_S)
    assert scene.watch.drops() is None
    assert scene.watch.models() is None


async def test_changed_is_set_when_something_has_changed(scene: Scene) -> None:
    """Not by every look: whoever waits for it has something to do then."""
    await eventually(lambda: (drop := scene.drop(1)) and drop.digest, "it has been read")
    scene.watch.changed.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scene.watch.changed.wait(), 5 * POLL_S)
    write_files(scene.source / "m" / "2", VERSION)
    await asyncio.wait_for(scene.watch.changed.wait(), 20)


async def test_a_rename_makes_a_drop_complete_at_once(tmp_path: Path) -> None:
    """A version, or a whole model, that was prepared elsewhere has nothing to wait for."""
    write_model(tmp_path / "source", "m", 1)
    async with watching(tmp_path / "source", with_notices=True, poll_s=NEVER_S) as scene:
        await scene.becomes(COMPLETE, 1)
        states: dict[str, set[object]] = {"version": set(), "model": set()}
        write_files(scene.elsewhere, VERSION).rename(scene.source / "m" / "2")
        began_s = time.monotonic()
        while scene.state(2) is None:
            await asyncio.sleep(0.001)
        states["version"].add(scene.state(2))
        write_model(scene.elsewhere, "whole", 1, 2)
        (scene.elsewhere / "whole").rename(scene.source / "whole")
        while scene.state(2, "whole") is None:
            await asyncio.sleep(0.001)
        states["model"] = {scene.state(1, "whole"), scene.state(2, "whole")}
        assert states == {"version": {COMPLETE}, "model": {COMPLETE}}
        assert time.monotonic() - began_s < 10
        write_files(scene.source / "m" / "2", {"late.bin": "x"})
        await scene.becomes(WRITING, 2)
        await scene.becomes(COMPLETE, 2)


async def test_notices_follow_a_repository_that_is_made_anew(tmp_path: Path) -> None:
    """All folders are other ones of the same names then."""
    source = tmp_path / "source"
    write_model(source, "m", 1)
    async with watching(source, with_notices=True, poll_s=0.3) as scene:
        await scene.becomes(COMPLETE, 1)
        shutil.rmtree(source)
        await eventually(lambda: scene.watch.drops() is None, "it is away")
        write_model(source, "m", 5)
        await scene.becomes(COMPLETE, 5)
        write_files(scene.elsewhere, VERSION).rename(source / "m" / "6")
        while scene.state(6) is None:
            await asyncio.sleep(0.001)
        assert scene.state(6) is COMPLETE


async def test_lost_notices_cost_only_time(tmp_path: Path) -> None:
    """More happens than the kernel keeps notices of: looking finds it all."""
    source = tmp_path / "source"
    model = write_model(source, "m", 1)
    async with watching(source, with_notices=True, poll_s=0.3) as scene:
        await scene.becomes(COMPLETE, 1)
        flood(model / "1")
        write_files(source / "m" / "2", VERSION)
        write_model(source, "fresh", 1)
        await scene.becomes(COMPLETE, 2)
        await scene.becomes(COMPLETE, 1, "fresh")
        write_files(scene.elsewhere, VERSION).rename(source / "fresh" / "2")
        await scene.becomes(COMPLETE, 2, "fresh")


def flood(folder: Path) -> None:
    """Make more notices than the kernel keeps, without a pause for who would take them."""
    one, other = folder / ".one", folder / ".other"
    one.touch()
    for _ in range(int(QUEUE.read_text()) // 2):
        one.rename(other)
        other.rename(one)
    one.unlink()


async def test_a_model_that_cannot_be_read_stays_as_it_was(tmp_path: Path) -> None:
    """Nothing is known of it then, so nothing of it is gone; others are seen."""
    source = tmp_path / "source"
    write_model(source, "m", 1)
    write_model(source, "other", 1)
    async with watching(source, with_notices=False, poll_s=POLL_S) as scene:
        await scene.becomes(COMPLETE, 1)
        before = scene.drop(1)
        with made_unreadable(source / "m"):
            write_files(source / "other" / "2", VERSION)
            await scene.becomes(COMPLETE, 2, "other")
            assert scene.drop(1) == before
        write_files(source / "m" / "2", VERSION)
        await scene.becomes(COMPLETE, 2)


@contextlib.contextmanager
def made_unreadable(folder: Path) -> Iterator[None]:
    """A folder that leads in a circle by now: every call on it fails."""
    kept = folder.with_name(f".{folder.name}")
    folder.rename(kept)
    folder.symlink_to(folder.name)
    yield
    folder.unlink()
    kept.rename(folder)
