"""Snapshots over a real Unix socket."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.contracts.artifacts import ArtifactStore
from control.core.snapshot import Snapshot
from control.link.decoding import SnapshotDecoder
from control.link.messages import (
    SnapshotMessage,
    VersionMessage,
    encode_snapshot,
)
from control.link.publisher import SnapshotPublisher
from control.link.subscriber import SnapshotSubscriber
from tests.support.polls import eventually

CONFIG = {"name": "m", "max_batch_size": 4, "input": [], "output": []}


def version(model: str = "m", number: int = 1, config: object = CONFIG) -> VersionMessage:
    """One version as the controller reads it."""
    return VersionMessage(model, number, True, True, "", b"{}", json.dumps(config).encode())  # noqa: FBT003


def message(revision: int, *versions: VersionMessage) -> SnapshotMessage:
    """One revision."""
    return SnapshotMessage(revision, b'{"name":"t"}', list(versions))


def decode(data: bytes) -> Snapshot:
    """Decode with no artifacts at hand."""
    return SnapshotDecoder(ArtifactStore(Path("artifacts"))).decode(data)


class Link:
    """Both ends in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "link.sock"
        self.kept = directory / "snapshot.msgpack"
        self.accepted: list[Snapshot] = []
        self.publisher = SnapshotPublisher(self.socket, self.kept)
        decode = SnapshotDecoder(ArtifactStore(directory / "artifacts")).decode
        self.subscriber = SnapshotSubscriber(self.socket, self.kept, decode, self.accepted.append)
        self._following: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Run the gateway's end."""
        self._following = asyncio.create_task(self.subscriber.run())

    async def stop_publisher(self) -> None:
        """Let the controller die."""
        self.publisher._server.close()
        for writer in list(self.publisher._gateways):
            writer.transport.abort()
        await eventually(lambda: not self.publisher.gateway_count, "no gateway is connected")

    async def close(self) -> None:
        """End both."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        if hasattr(self.publisher, "_server"):
            await self.stop_publisher()

    async def revision(self, wanted: int) -> None:
        """Wait until a revision has come."""
        await eventually(
            lambda: self.accepted and self.accepted[-1].revision == wanted, f"revision {wanted}"
        )


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[Link]:
    """A link that is not running yet."""
    one = Link(tmp_path)
    yield one
    await one.close()


async def test_every_snapshot_arrives_in_order(link: Link) -> None:
    """A gateway gets each revision that is published while it listens."""
    await link.publisher.start()
    link.follow()
    await eventually(lambda: link.publisher.gateway_count == 1, "the gateway is connected")
    for revision in (1, 2, 3):
        link.publisher.publish(message(revision, version(number=revision)))
    await link.revision(3)
    assert [one.revision for one in link.accepted] == [1, 2, 3]
    assert link.accepted[-1].models["m"].versions[3].contract.max_batch_size == 4


async def test_a_late_gateway_gets_the_newest_at_once(link: Link) -> None:
    """Whoever connects later does not wait for the next change."""
    await link.publisher.start()
    link.publisher.publish(message(1))
    link.publisher.publish(message(2, *(version(f"model{n}") for n in range(500))))
    link.follow()
    await link.revision(2)
    assert len(link.accepted) == 1
    assert len(link.accepted[0].models) == 500


async def test_a_gateway_that_starts_first_waits_for_the_controller(link: Link) -> None:
    """The order in which processes start does not matter."""
    link.follow()
    await asyncio.sleep(0)
    await link.publisher.start()
    link.publisher.publish(message(7))
    await link.revision(7)


async def test_a_gateway_follows_a_new_controller(link: Link) -> None:
    """After the controller's death the last snapshot stays, and the next controller is found."""
    await link.publisher.start()
    link.follow()
    link.publisher.publish(message(1))
    await link.revision(1)
    await link.stop_publisher()
    assert link.accepted[-1].revision == 1
    link.publisher = SnapshotPublisher(link.socket, link.kept)
    await link.publisher.start()
    link.publisher.publish(message(2))
    await link.revision(2)


async def test_a_gateway_that_left_is_forgotten(link: Link) -> None:
    """A dead gateway is not written to for ever."""
    await link.publisher.start()
    reader, writer = await asyncio.open_unix_connection(str(link.socket))
    await eventually(lambda: link.publisher.gateway_count == 1, "it is connected")
    link.publisher.publish(message(1))
    await reader.read(4)
    writer.transport.abort()
    await eventually(lambda: link.publisher.gateway_count == 0, "it is forgotten")
    link.publisher.publish(message(2))


async def test_the_last_snapshot_is_kept_for_gateways_that_start_alone(link: Link) -> None:
    """With no controller at all, a gateway begins with what the last one knew."""
    await link.publisher.start()
    link.publisher.publish(message(5, version()))
    link.subscriber.load_kept()
    assert link.accepted[-1].revision == 5
    assert list(link.kept.parent.glob("*.draft")) == []


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"\x93\x01"])
async def test_a_kept_snapshot_that_is_none_is_ignored(link: Link, content: bytes | None) -> None:
    """A missing or broken file is no reason not to start."""
    if content is not None:
        link.kept.write_bytes(content)
    link.subscriber.load_kept()
    assert link.accepted == []


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("<I", 3) + b"abc",
        struct.pack("<I", 100) + b"cut off",
        struct.pack("<I", 0),
        b"\x01",
    ],
)
async def test_a_broken_frame_breaks_the_link_and_no_more(link: Link, frame: bytes) -> None:
    """Garbage from a controller leads to a new connection; the snapshot stays."""
    broken = True

    async def welcome(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal broken
        good = encode_snapshot(message(9))
        writer.write(frame if broken else struct.pack("<I", len(good)) + good)
        broken = False
        writer.close()

    server = await asyncio.start_unix_server(welcome, str(link.socket))
    link.follow()
    await link.revision(9)
    server.close()


@pytest.mark.parametrize(
    "config",
    [
        {},
        [],
        {"name": "m", "input": [{}]},
        {"name": "m", "max_batch_size": "x"},
        {"name": "m", "input": [{"name": "A", "data_type": "TYPE_FP32", "dims": ["x"]}]},
    ],
)
def test_a_config_that_is_none_is_a_broken_snapshot(config: object) -> None:
    """What no contract can be derived from is refused as a whole, by the one error named for it."""
    with pytest.raises(ValueError, match="broken snapshot"):
        decode(encode_snapshot(message(1, version(config=config))))


@given(st.binary(max_size=60))
def test_garbage_is_a_broken_snapshot(data: bytes) -> None:
    """Whatever the bytes are, nothing but ValueError is raised."""
    with pytest.raises(ValueError, match="broken snapshot"):
        decode(data)


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(1, 9)), max_size=9))
def test_a_snapshot_is_the_same_on_the_other_end(keys: list[tuple[str, int]]) -> None:
    """Every version arrives under its model and number."""
    snapshot = decode(
        encode_snapshot(message(3, *(version(model, number) for model, number in keys)))
    )
    assert {
        (name, number) for name, model in snapshot.models.items() for number in model.versions
    } == set(keys)
    assert (snapshot.revision, snapshot.server_json) == (3, b'{"name":"t"}')


async def test_a_revision_is_applied_once_every_gateway_decides_by_it(link: Link) -> None:
    """Whoever changes access is answered when the change holds, not when it was sent."""
    await link.publisher.start()
    assert await link.publisher.applied(7, 0.0), "nobody follows: nobody decides by anything older"
    link.follow()
    await eventually(lambda: link.publisher.gateway_count == 1, "the gateway is connected")
    assert not await link.publisher.applied(7, 0.01)
    waiting = asyncio.create_task(link.publisher.applied(7, 20.0))
    link.publisher.publish(message(7, version()))
    assert await waiting
    assert link.accepted[-1].revision == 7
    assert not await link.publisher.applied(8, 0.01)
