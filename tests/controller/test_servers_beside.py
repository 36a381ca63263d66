"""Reading tritonservers beside the main one, from readers that are a few values."""

import asyncio

import msgspec
import pytest

from control.controller.server_reader import ServerReader
from control.controller.triton_reader import TritonReader
from control.link.messages import VersionMessage
from control.link.server_orders import ExtraServer
from control.triton.address import Address
from control.triton.connection import UpstreamAnswer
from control.triton.management import IndexEntry, TritonAway
from control.triton.stubs import StubWatch
from control.triton.upstream import Upstream
from tests.support.polls import eventually

BESIDE = ExtraServer("m-2", "unix:/run/x0/h.sock", "unix:/run/x0/g.sock:1", "127.0.0.1:1", "/pid")


class FakeUpstream(Upstream):
    """Answers every path with its own name."""

    def __init__(self) -> None:
        super().__init__(Address(unix_path="/nowhere"))

    async def request(self, _method: str, path: str, *_: object) -> UpstreamAnswer:
        return UpstreamAnswer(200, {}, path.encode())


class FakeIndex:
    """The repository index of the main server, as it is set."""

    def __init__(self) -> None:
        self.entries = [IndexEntry("m", 1, "READY", "")]

    async def read(self) -> list[IndexEntry]:
        return self.entries

    async def close(self) -> None:
        """Do nothing."""


class FakeReader(ServerReader):
    """Gives the versions that are set, or is away, or hangs."""

    def __init__(self) -> None:
        self.versions = [version(2)]
        self.away = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.reads = 0
        self.closed = False

    async def read(self) -> list[VersionMessage]:
        self.reads += 1
        await self.answers.wait()
        if self.away:
            raise TritonAway("nobody listens")
        return self.versions

    async def close(self) -> None:
        self.closed = True


def version(number: int, *, ready: bool = True) -> VersionMessage:
    """A version as a server reads."""
    return VersionMessage("m", number, ready, ready, "" if ready else "unloaded", b"", b"")


@pytest.fixture
def index() -> FakeIndex:
    """The main server's, with version 1."""
    return FakeIndex()


@pytest.fixture
def beside() -> FakeReader:
    """The other server's, with version 2."""
    return FakeReader()


@pytest.fixture
async def reader(index: FakeIndex, beside: FakeReader) -> TritonReader:
    """One that reads both."""
    one = TritonReader(FakeUpstream(), index, StubWatch(), None)
    await one.follow([BESIDE], lambda _: beside)
    return one


async def found(reader: TritonReader) -> dict[int, VersionMessage]:
    """What a read finds, by version."""
    return {one.version: one for one in (await reader.read(1)).versions}


async def test_versions_of_all_servers_come_together(reader: TritonReader) -> None:
    """Each version beside the main server says where it is; those of the main one say nothing."""
    versions = await found(reader)
    assert {number: (one.ready, one.upstream) for number, one in versions.items()} == {
        1: (True, ""),
        2: (True, BESIDE.http_url),
    }
    assert reader.index == {"m": {1: "READY"}}


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ("READY", True, ("", True)),
        ("READY", False, ("", True)),
        ("UNAVAILABLE", True, (BESIDE.http_url, True)),
        ("UNAVAILABLE", False, (BESIDE.http_url, False)),
    ],
)
async def test_the_main_server_wins_where_it_is_ready(
    reader: TritonReader,
    index: FakeIndex,
    beside: FakeReader,
    here: str,
    there: bool,
    expected: tuple[str, bool],
) -> None:
    """A version that both have is called in the main one as soon as that can answer."""
    index.entries = [IndexEntry("m", 2, "READY", "")]
    await reader.read(0)  # so that its documents are known
    index.entries = [IndexEntry("m", 2, here, "")]
    beside.versions = [version(2, ready=there)]
    one = (await found(reader))[2]
    assert (one.upstream, one.ready) == expected


@pytest.mark.parametrize(
    ("exited", "reason"),
    [
        (False, "its tritonserver is away: nobody listens"),
        (True, "its tritonserver has ended"),
    ],
)
async def test_one_that_is_away_takes_only_its_own_versions_along(
    reader: TritonReader, beside: FakeReader, exited: bool, reason: str
) -> None:
    """The main server's versions stay as they are, and so do the documents of the others."""
    await reader.read(0)
    beside.away = True
    await reader.follow([msgspec.structs.replace(BESIDE, exited=exited)], lambda _: beside)
    versions = await found(reader)
    assert versions[1].ready
    assert (versions[2].loaded, versions[2].ready, versions[2].reason) == (False, False, reason)
    assert versions[2].upstream == BESIDE.http_url


async def test_one_that_hangs_keeps_nobody_waiting(
    reader: TritonReader, beside: FakeReader
) -> None:
    """It is not asked again before it has answered; when it does, its versions are back."""
    await reader.read(0)
    beside.answers.clear()
    for _ in range(2):
        versions = await found(reader)
        assert (versions[1].ready, versions[2].ready) == (True, False)
        assert versions[2].reason == "its tritonserver does not answer in time"
    assert beside.reads == 2
    beside.answers.set()
    assert (await found(reader))[2].ready


async def test_what_was_never_heard_of_is_left_out(
    reader: TritonReader, beside: FakeReader
) -> None:
    """A server that has not come up yet has no versions."""
    beside.away = True
    assert set(await found(reader)) == {1}


async def test_who_is_not_followed_any_more_is_closed(
    reader: TritonReader, beside: FakeReader
) -> None:
    """Its versions are gone with it, also while a read of it is under way."""
    beside.answers.clear()
    await reader.read(0)
    await reader.follow([], lambda _: beside)
    assert beside.closed
    assert set(await found(reader)) == {1}


async def test_who_is_closed_while_others_wait_for_it_is_away(
    reader: TritonReader, beside: FakeReader
) -> None:
    """A read goes on without it: that one is cancelled is no reason to cancel the other."""
    await reader.read(0)
    beside.answers.clear()
    reading = asyncio.create_task(found(reader))
    await eventually(lambda: beside.reads == 2, "it is being read")
    await reader.follow([], lambda _: beside)
    versions = await reading
    assert (versions[1].ready, versions[2].ready) == (True, False)
    assert set(await found(reader)) == {1}
