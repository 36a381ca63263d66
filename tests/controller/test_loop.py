"""The controller's loop, with a reader that says what it is told to."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.contracts.artifacts import ArtifactStore
from control.controller.contract_book import ContractBook
from control.controller.loop import ControllerLoop, ControllerState
from control.controller.triton_reader import TritonReader
from control.link.messages import SnapshotMessage, VersionMessage
from control.link.publisher import SnapshotPublisher
from control.triton.management import TritonAway
from tests.support.polls import eventually


class FakeReader(TritonReader):
    """Gives the versions that are set, or says that Triton is away."""

    def __init__(self) -> None:
        self.versions: list[VersionMessage] = []
        self.away = ""
        self.reads = 0
        self.renewals = 0

    def renew(self) -> None:
        self.renewals += 1

    async def read(self, revision: int) -> SnapshotMessage:
        self.reads += 1
        if self.away:
            raise TritonAway(self.away)
        return SnapshotMessage(revision, b"{}", list(self.versions))


class FakePublisher(SnapshotPublisher):
    """Remembers what was published."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"), Path("/nowhere"))
        self.published: list[SnapshotMessage] = []
        self.gateways = 0

    @property
    def gateway_count(self) -> int:
        return self.gateways

    def publish(self, message: SnapshotMessage) -> None:
        self.published.append(message)


class FakeLastGood:
    """Keeps contracts in memory."""

    def __init__(self) -> None:
        self.contracts: dict[tuple[str, int], bytes] = {}

    def load_all(self) -> dict[tuple[str, int], bytes]:
        return dict(self.contracts)

    def save(self, model: str, version: int, revision: str, document: bytes) -> None:
        assert revision
        self.contracts[model, version] = document

    def remove(self, model: str, version: int) -> None:
        self.contracts.pop((model, version), None)


class Running:
    """A loop that ticks, and what it works with."""

    def __init__(self, folder: Path) -> None:
        self.reader = FakeReader()
        self.publisher = FakePublisher()
        self.state = ControllerState()
        self.kept = FakeLastGood()
        self.book = ContractBook(folder, ArtifactStore(folder / "artifacts"), self.kept)
        self.loop = ControllerLoop(
            self.reader, self.book, self.publisher, self.state, interval_s=0.01
        )

    async def ticks(self, count: int = 2) -> None:
        """Wait until so many further reads have begun; the one before them is then done with."""
        wanted = self.reader.reads + count
        await eventually(lambda: self.reader.reads >= wanted, "the loop ticks")


def version(number: int, *, ready: bool = True) -> VersionMessage:
    """One version of ``m``."""
    return VersionMessage("m", number, True, ready, "" if ready else "dead", b"{}", b'{"name":"m"}')  # noqa: FBT003


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A loop that runs as long as the test."""
    made = Running(tmp_path)
    ticking = asyncio.create_task(made.loop.run())
    yield made
    ticking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticking


async def test_only_changes_are_published(running: Running) -> None:
    """A state that stays as it is costs the gateways nothing."""
    await running.ticks(3)
    assert len(running.publisher.published) == 1
    running.reader.versions = [version(1)]
    await running.ticks(3)
    assert [one.versions for one in running.publisher.published] == [[], [version(1)]]


async def test_the_first_state_is_published_even_if_empty(running: Running) -> None:
    """A Triton without models is a state too: gateways need not wait any longer."""
    await running.ticks()
    assert len(running.publisher.published) == 1
    assert running.state.triton_up


async def test_revisions_rise_also_over_restarts(running: Running) -> None:
    """A revision is greater than all before it, those of an earlier controller included."""
    began_ms = int(time.time() * 1000) - 1000
    for number in range(1, 4):
        running.reader.versions = [version(number)]
        await running.ticks()
    revisions = [one.revision for one in running.publisher.published]
    assert sorted(set(revisions)) == revisions
    assert revisions[0] > began_ms
    assert running.state.revision == revisions[-1]


async def test_while_triton_is_away_the_last_snapshot_stays(running: Running) -> None:
    """Gateways hold requests for models that they know: a dead Triton takes none of them away."""
    running.reader.versions = [version(1)]
    await running.ticks()
    known = list(running.publisher.published)
    running.reader.away = "tritonserver is not running"
    await running.ticks()
    assert running.publisher.published == known
    assert (running.state.triton_up, running.state.triton_reason) == (
        False,
        "tritonserver is not running",
    )
    assert running.state.versions == (version(1),)
    running.reader.away = ""
    await running.ticks()
    assert (running.state.triton_up, running.state.triton_reason) == (True, "")
    assert running.publisher.published == known


async def test_a_version_that_is_lost_is_published_with_its_reason(running: Running) -> None:
    """Readiness is a change like any other."""
    running.reader.versions = [version(1)]
    await running.ticks()
    running.reader.versions = [version(1, ready=False)]
    await running.ticks()
    (last,) = running.publisher.published[-1].versions
    assert (last.ready, last.reason) == (False, "dead")
    assert running.state.versions == (last,)


async def test_the_state_shows_how_many_gateways_follow(running: Running) -> None:
    """The admin API tells whether gateways hear the controller."""
    running.publisher.gateways = 3
    await running.ticks()
    assert running.state.gateways == 3


async def test_documents_are_renewed_now_and_then(running: Running) -> None:
    """A model that was reloaded under the same version shows its new contract within seconds."""
    await running.ticks()
    assert running.reader.renewals == 1
    await running.ticks(20)
    assert running.reader.renewals == 2
