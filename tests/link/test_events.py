"""Events over a real Unix socket: taken now, or not at all."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.judge_counts import JudgeCounts
from control.core.snapshot import Snapshot
from control.learning.summary import FeatureSummary, InputSummary, ParameterSummary, VersionSummary
from control.link.events import (
    MAX_EVENT_BYTES,
    AdmissionReport,
    BreakerReport,
    CacheReport,
    CanaryReport,
    Event,
    GuardReport,
    MemoryReport,
    TrafficReport,
    VersionGuards,
    decode_event,
    encode_event,
)
from control.link.messages import SnapshotMessage
from control.link.publisher import SnapshotPublisher
from control.link.subscriber import SnapshotSubscriber
from control.link.uplink import LinkUplink
from tests.support.polls import eventually


def report(requests: int = 1, sketch: bytes = b"s") -> TrafficReport:
    """What a gateway tells."""
    feature = FeatureSummary(sketch, 2**63, 0.5)
    learned = InputSummary("FP32", (-1, 3), 5, {"values": feature}, distinct=[(1, 5), ("a", 2)])
    parameters = {"t": ParameterSummary({"integer": 1}, 1, 1)}
    traffic = VersionSummary("m", 1, requests, 5, 8, 900, {"X": learned}, parameters)
    return TrafficReport("g", traffic)


def guards(gateway: str = "g") -> GuardReport:
    """What guards two versions in one gateway."""
    return GuardReport(
        gateway,
        [
            VersionGuards(
                "m",
                1,
                AdmissionReport(8, 3, 1, {"delay": 4}, 12.5, None, 16.5),
                BreakerReport("open", 62.5, None, 40, 4.25, "failure rate"),
                CacheReport(2, 2**40, 5, 7, 1),
                MemoryReport(None, 250, 2**40),
            ),
            VersionGuards("m", 2**60),
        ],
    )


class Link:
    """Both ends in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "link.sock"
        self.heard: list[Event] = []
        self.publisher = SnapshotPublisher(self.socket, directory / "kept", self.heard.append)
        self.subscriber = SnapshotSubscriber(
            self.socket, directory / "kept", lambda _: Snapshot(), lambda _: None
        )
        self._following: asyncio.Task[None] | None = None

    async def connect(self) -> LinkUplink:
        """Run both ends; the way up."""
        await self.publisher.start()
        self._following = asyncio.create_task(self.subscriber.run())
        await eventually(lambda: self.publisher.gateway_count == 1, "the gateway is connected")
        return self.subscriber.uplink

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
        await self.stop_publisher()


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[Link]:
    """A link that is not running yet."""
    one = Link(tmp_path)
    yield one
    await one.close()


async def test_what_a_gateway_tells_is_heard(link: Link) -> None:
    """Events arrive whole and in order, of any size, while snapshots go the other way."""
    uplink = await link.connect()
    told = [report(number, b"s" * size) for number, size in enumerate((1, 100_000, 900_000))]
    for one in told:
        event = encode_event(one)
        await eventually(partial(uplink.offer, event), "the event is taken")
        link.publisher.publish(SnapshotMessage(1, b"{}", []))
    await eventually(lambda: len(link.heard) == 3, "all are heard")
    assert link.heard == told


async def test_without_a_controller_nothing_is_taken(link: Link) -> None:
    """A gateway alone goes on, and piles nothing up."""
    uplink = link.subscriber.uplink
    assert not uplink.offer(encode_event(report()))
    assert uplink.connections == 0
    await link.connect()
    assert uplink.connections == 1
    await link.stop_publisher()
    await eventually(lambda: not uplink.offer(encode_event(report())), "it is seen to be gone")


async def test_a_new_controller_is_a_new_connection(link: Link, tmp_path: Path) -> None:
    """Whoever reports can tell that the one it spoke to is gone."""
    uplink = await link.connect()
    await link.stop_publisher()
    link.publisher = SnapshotPublisher(link.socket, tmp_path / "kept", link.heard.append)
    await link.publisher.start()
    await eventually(lambda: uplink.connections == 2, "it is connected again")
    await eventually(lambda: uplink.offer(encode_event(report(7))), "the event is taken")
    await eventually(lambda: link.heard, "it is heard")


async def test_a_slow_controller_loses_events_and_holds_nobody_up(tmp_path: Path) -> None:
    """What it does not read is not queued without end: further events are not taken."""
    socket = tmp_path / "s"
    stuck: list[asyncio.StreamWriter] = []

    async def never_read(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stuck.append(writer)

    server = await asyncio.start_unix_server(never_read, str(socket), limit=1)
    _, writer = await asyncio.open_unix_connection(str(socket))
    uplink = LinkUplink()
    uplink.attach(writer)
    event = encode_event(report(sketch=b"s" * 500_000))
    taken = sum(uplink.offer(event) for _ in range(100))
    assert 1 <= taken <= 5
    assert writer.transport.get_write_buffer_size() < 2_500_000
    await eventually(lambda: stuck, "the controller has the connection")
    for one in (writer, *stuck):
        one.transport.abort()
        with contextlib.suppress(ConnectionError):
            await one.wait_closed()
    server.close()


@pytest.mark.parametrize("garbage", [b"", b"abc", b"\x93\x01", encode_event(report())[:-1]])
async def test_a_broken_event_is_passed_over(link: Link, garbage: bytes) -> None:
    """The next one is heard, on the same connection."""
    uplink = await link.connect()
    assert uplink.offer(garbage)
    assert uplink.offer(encode_event(report()))
    await eventually(lambda: link.heard == [report()], "the good one is heard")
    assert uplink.connections == 1


async def test_a_frame_without_end_ends_the_connection(link: Link) -> None:
    """The controller never reserves memory for what a length claims."""
    await link.connect()
    _, writer = await asyncio.open_unix_connection(str(link.socket))
    await eventually(lambda: link.publisher.gateway_count == 2, "it is connected")
    writer.write(struct.pack("<I", MAX_EVENT_BYTES + 1))
    await eventually(lambda: link.publisher.gateway_count == 1, "it is cut off")
    writer.close()
    assert link.heard == []


@given(st.binary(max_size=60))
def test_garbage_is_a_broken_event(data: bytes) -> None:
    """Whatever the bytes are, nothing but ValueError is raised."""
    with pytest.raises(ValueError, match="broken event"):
        decode_event(data)


@pytest.mark.parametrize("told", [report(), guards()], ids=["traffic", "guards"])
def test_a_report_is_the_same_on_the_other_end(told: Event) -> None:
    """Sketches, numbers of any size, kinds and types survive the way."""
    assert decode_event(encode_event(told)) == told


async def test_reports_of_all_kinds_are_heard(link: Link) -> None:
    """Each is told from the others."""
    uplink = await link.connect()
    told = [guards(), report(), guards("other")]
    assert all(uplink.offer(encode_event(one)) for one in told)
    await eventually(lambda: link.heard == told, "all are heard")


async def test_what_a_canary_does_is_heard(link: Link) -> None:
    """All that has been counted of it, and why it was stopped."""
    uplink = await link.connect()
    counts = JudgeCounts(calls=21, failures=4, unconfirmed=1, stable_calls=900, agreed=5)
    told = [
        CanaryReport("g", "m", "rollout", 2, counts),
        CanaryReport("g", "m", "rollout", 2, counts, "4 of 21 calls failed", 1.7e9),
    ]
    assert all(uplink.offer(encode_event(one)) for one in told)
    await eventually(lambda: link.heard == told, "both are heard")
