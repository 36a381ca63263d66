"""The controller's loop, with a reader that says what it is told to."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.contracts.artifacts import ArtifactStore
from control.controller.contract_book import ContractBook
from control.controller.directive_source import DirectiveSource
from control.controller.loop import ControllerLoop, ControllerState
from control.controller.triton_reader import TritonReader
from control.core.access import Access, Quota
from control.core.orders import Directives, Order
from control.core.protection import Override
from control.link.messages import SnapshotMessage, VersionMessage
from control.link.publisher import SnapshotPublisher
from control.triton.management import TritonAway
from tests.support.polls import eventually


class FakeReader(TritonReader):
    """Gives the versions that are set, or says that Triton is away."""

    def __init__(self) -> None:
        self.versions: list[VersionMessage] = []
        self.away = ""
        self.hangs = False
        self.reads = 0
        self.renewals = 0

    @property
    def index(self) -> dict[str, dict[int, str]]:
        return {}

    def renew(self) -> None:
        self.renewals += 1

    async def read(self, revision: int) -> SnapshotMessage:
        self.reads += 1
        while self.hangs:
            await asyncio.sleep(0.001)
        if self.away:
            raise TritonAway(self.away)
        return SnapshotMessage(revision, b"{}", list(self.versions))


class FakeDirectives(DirectiveSource):
    """Gives the directives that are set."""

    def __init__(self) -> None:
        self._current = Directives()
        self._another = asyncio.Event()

    def set(self, directives: Directives) -> None:
        self._current = directives
        self._another.set()

    async def next(self) -> Directives:
        await self._another.wait()
        self._another.clear()
        return self._current


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
        self.directives = FakeDirectives()
        self.kept = FakeLastGood()
        self.book = ContractBook(folder, ArtifactStore(folder / "artifacts"), self.kept)
        self.loop = ControllerLoop(
            self.reader, self.book, self.directives, self.publisher, self.state, interval_s=0.01
        )

    async def ticks(self, count: int = 2) -> None:
        """Wait until so many further reads have begun; the one before them is then done with."""
        wanted = self.reader.reads + count
        await eventually(lambda: self.reader.reads >= wanted, "the loop ticks")


def version(number: int, *, ready: bool = True) -> VersionMessage:
    """One version of ``m``."""
    return VersionMessage("m", number, True, ready, "" if ready else "dead", b"{}", b'{"name":"m"}')  # noqa: FBT003


@contextlib.asynccontextmanager
async def ticking(made: Running) -> AsyncIterator[Running]:
    """Let a loop run."""
    task = asyncio.create_task(made.loop.run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def resting(tmp_path: Path) -> Running:
    """A loop that does not run yet."""
    return Running(tmp_path)


@pytest.fixture
async def running(resting: Running) -> AsyncIterator[Running]:
    """A loop that runs as long as the test."""
    async with ticking(resting):
        yield resting


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


ACCESS = Access(tenants={"acme": Quota(concurrent=1)})
ORDERS = (Order("m", 1, Override(deadline_ms=50)),)
LAID_DOWN = Directives(ACCESS, ORDERS)


async def published_with(running: Running, directives: Directives) -> SnapshotMessage:
    """Wait for a snapshot with these directives, which must be the last one."""
    sent = running.publisher.published
    await eventually(
        lambda: sent and Directives(sent[-1].access, sent[-1].orders) == directives,
        "the directives have gone out",
    )
    return sent[-1]


async def test_changed_directives_go_out_whatever_triton_does(running: Running) -> None:
    """A revocation waits neither for the next tick nor for a Triton that does not answer."""
    running.reader.versions = [version(1)]
    await running.ticks()
    running.reader.hangs = True
    await running.ticks(1)
    known = running.publisher.published[-1]
    running.directives.set(LAID_DOWN)
    last = await published_with(running, LAID_DOWN)
    assert last.versions == known.versions == [version(1)]
    assert last.revision > known.revision
    assert running.state.revision == last.revision
    running.reader.hangs = False


async def test_changed_directives_go_out_while_triton_is_away(running: Running) -> None:
    """With Triton away, gateways get the new directives with the versions that they know."""
    running.reader.versions = [version(1)]
    await running.ticks()
    running.reader.away = "tritonserver is not running"
    await running.ticks()
    running.directives.set(LAID_DOWN)
    assert (await published_with(running, LAID_DOWN)).versions == [version(1)]


async def test_directives_alone_make_no_first_snapshot(resting: Running) -> None:
    """Before Triton was ever read gateways wait, rather than believe that there are no models."""
    resting.reader.away = "tritonserver is not running"
    async with ticking(resting):
        resting.directives.set(LAID_DOWN)
        await resting.ticks()
        assert resting.publisher.published == []
        resting.reader.away = ""
        await published_with(resting, LAID_DOWN)
        assert len(resting.publisher.published) == 1


async def test_directives_that_stay_are_not_published_again(running: Running) -> None:
    """Being told of the same directives costs the gateways nothing."""
    await running.ticks()
    running.directives.set(Directives())
    await running.ticks()
    assert len(running.publisher.published) == 1


async def test_a_restarted_controller_goes_on_from_the_kept_snapshot(resting: Running) -> None:
    """While Triton is away, a new controller gives gateways the old versions and new directives."""
    resting.reader.away = "tritonserver is not running"
    resting.directives.set(LAID_DOWN)
    kept = SnapshotMessage(7, b"{}", [version(1)])
    resting.loop.go_on_from(kept)
    (first,) = resting.publisher.published
    assert (first.versions, first.access, first.orders) == ([version(1)], ACCESS, ORDERS)
    assert first.revision > kept.revision
    async with ticking(resting):
        await resting.ticks()
        assert resting.publisher.published == [first]
