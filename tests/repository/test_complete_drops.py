"""When a drop is complete, still being written, or broken, as the watch shows it."""

import asyncio
import os
import time

import pytest

from control.repository.content import content_digest
from tests.repository.source_models import CONFIG, VERSION, sums_of, write_files
from tests.repository.watched_source import BROKEN, COMPLETE, SETTLE_S, WRITING, Scene
from tests.support.polls import eventually


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


async def test_a_config_that_is_none_is_waited_for(scene: Scene) -> None:
    """The reason says what is wrong with it; mending it is enough, with the version as it is."""
    config = scene.source / "m" / "config.pbtxt"
    config.write_text("max_batch_size: many")
    write_files(scene.source / "m" / "2", VERSION)
    await scene.becomes(BROKEN, 2)
    drop = scene.drop(2)
    assert drop
    assert drop.reason.startswith("beside the version: config.pbtxt")
    assert "max_batch_size" in drop.reason
    config.write_text(CONFIG)
    await scene.becomes(COMPLETE, 2)


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
