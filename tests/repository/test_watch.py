"""What the watch notices of drops that come, change and go, and of a repository that is away."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.config import RepositorySettings
from control.repository.watch import RepositoryWatch
from tests.repository.source_models import VERSION, write_files, write_model
from tests.repository.watched_source import COMPLETE, NEVER_S, POLL_S, WRITING, Scene, watching
from tests.support.polls import eventually

#: How many notices the kernel keeps until they are taken.
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


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


async def test_a_watch_that_has_failed_shows_nothing_until_it_runs_again(tmp_path, monkeypatch):
    """What it saw may have changed since."""
    write_model(tmp_path / "source", "m", 1)
    watch = RepositoryWatch(tmp_path / "source", RepositorySettings(settle_s=0.1, poll_s=POLL_S))
    running = asyncio.create_task(watch.run())
    await eventually(watch.drops, "it is seen")
    with monkeypatch.context() as fault:
        fault.setattr("control.repository.watch.look_at", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await running
    assert watch.drops() is None
    assert watch.models() is None
    running = asyncio.create_task(watch.run())
    await eventually(watch.drops, "it is seen again")
    running.cancel()
    await asyncio.wait({running})


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
