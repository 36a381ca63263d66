"""Brings versions up and down in a running tritonserver, beside those that serve.

A load of Triton's cannot be taken back, and may hang for ever; further ones would wait behind it.
So there is one at a time for each model, and it ends by the death of the processes that it waits
for. One that has none to kill stays for as long as the server: until then the model keeps the
versions that it has.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple

from control.triton.load_checks import config_for, must_be_ready
from control.triton.management import LoadFailed, TritonAway, TritonManagement
from control.triton.new_stubs import NewStubs, kill_stub, server_pid
from control.triton.stub_priority import Yielding, restore
from control.triton.stubs import Stub, StubWatch

_POLL_S: Final = 0.05
_OFTEN_S: Final = 0.01
_STARTING_S: Final = 20.0
#: What kills the processes of a load sees it fail about a second later.
_KILL_AGAIN_S: Final = 0.5
_LET_GO_S: Final = 10.0
#: A process that has completed a config is a zombie for a moment before Triton takes notice of it.
_DEAD_FOR_GOOD_S: Final = 3.0
_DIED_IN_IMPORT: Final = "its process died while its code was imported"
_HANGS: Final = "an earlier load of the model hangs: only a restart of tritonserver ends it"

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Hangs(Exception):
    """A load does not come back; the message says what it waits for."""


class VersionLoader:
    """Belongs to the event loop; the only one that changes what this tritonserver has loaded."""

    def __init__(
        self, management: TritonManagement, repository: Path, pid_file: Path, watch: StubWatch
    ) -> None:
        """Load from ``repository``, which the server serves whose id is in ``pid_file``."""
        self._management = management
        self._repository = repository
        self._pid_file = pid_file
        self._watch = watch
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._given_up: dict[str, asyncio.Task[None]] = {}
        # New processes have to yield within milliseconds, whatever keeps all other threads.
        self._looking = ThreadPoolExecutor(1, "new-stubs")
        # An earlier process of ours may have died in a load, and left some that yield.
        server = server_pid(pid_file)
        restore([stub.pid for stub in watch.scan(server)] if server else [], server)

    async def load(self, model: str, versions: Collection[int], timeout_s: float) -> None:
        """Have exactly these versions of a model loaded; none unloads it.

        Those that are loaded already go on serving throughout, whatever becomes of the others;
        those that go answer what they have got. Returns when all are ready. Raises LoadFailed, also
        after ``timeout_s``, or TritonAway.
        """
        async with self._locks[model]:
            await self._must_be_free(model)
            await self._end_left(model, versions, timeout_s)
            if not versions:
                await self._management.unload(model)
                return
            await self._bring_to(model, versions, timeout_s)

    async def add(
        self, model: str, version: int, wanted: Collection[int], timeout_s: float
    ) -> None:
        """Have a version loaded beside those that are ready; what fails then is its failure.

        ``wanted`` are not ended where they are being loaded. Returns and raises as ``load``.
        """
        async with self._locks[model]:
            await self._must_be_free(model)
            await self._end_left(model, {version, *wanted}, timeout_s)
            # Asked for now: who goes by what was known before would unload what has come up since.
            entries = await self._management.versions_of(model)
            ready = {number for number, one in entries.items() if one.is_ready}
            if version not in ready:
                await self._bring_to(model, ready | {version}, timeout_s)

    def end_hung(self, model: str, versions: Collection[int]) -> int:
        """Kill the processes of versions that are about to go and do not answer; gives how many.

        Whoever still waits for them is told that they have died. None that completes a config goes:
        Triton would wait for its answer for ever. Reads /proc: call it on a thread.
        """
        server = server_pid(self._pid_file)

        def theirs() -> list[Stub]:
            stubs = self._watch.scan(server) if server and versions else []
            hung = [one for one in stubs if not one.dead and not one.is_complementing]
            return [one for one in hung if one.model == model and one.version in versions]

        return sum(kill_stub(stub, theirs) for stub in theirs())

    async def _bring_to(self, model: str, versions: Collection[int], timeout_s: float) -> None:
        config = await asyncio.to_thread(config_for, self._repository / model, versions)
        await self._load(model, config, timeout_s)
        must_be_ready(await self._management.versions_of(model), model, versions)

    async def _must_be_free(self, model: str) -> None:
        before = self._given_up.get(model)
        if before is None:
            return
        await asyncio.wait({before}, timeout=_LET_GO_S)
        if not before.done():
            raise _hangs(await self._loading(model))
        del self._given_up[model]

    async def _end_left(self, model: str, versions: Collection[int], timeout_s: float) -> None:
        """Have a load end in which an earlier process of ours has died; raises LoadFailed.

        What brings up a wanted version may take its time, what does not goes at once.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_s
        while left := await self._loading(model):
            late_s = loop.time() - end_s
            if late_s > _LET_GO_S:
                raise _hangs(left)
            ending = left if late_s >= 0.0 else left - set(versions)
            await self._aside(self.end_hung, model, ending)
            await asyncio.sleep(_KILL_AGAIN_S)

    async def _loading(self, model: str) -> set[int]:
        entries = await self._management.versions_of(model)
        return {version for version, one in entries.items() if one.is_loading}

    async def _load(self, model: str, config: str, timeout_s: float) -> None:
        stubs = await self._aside(NewStubs, self._watch, self._pid_file, model)
        starting = Yielding(stubs.server)
        call = asyncio.create_task(self._call(model, config, starting))
        try:
            await _returned(call, partial(self._aside, _look, stubs, starting), timeout_s)
        except asyncio.CancelledError:
            self._give_up(model, call, stubs)
            raise
        except _Hangs as error:
            await asyncio.wait({self._give_up(model, call, stubs)}, timeout=_LET_GO_S)
            raise LoadFailed(str(error)) from error

    async def _call(self, model: str, config: str, starting: Yielding) -> None:
        try:
            await self._management.load(model, config)
        finally:
            await self._aside(starting.restore)

    def _give_up(self, model: str, call: asyncio.Task[None], stubs: NewStubs) -> asyncio.Task[None]:
        self._given_up[model] = asyncio.create_task(self._end(model, call, stubs))
        return self._given_up[model]

    async def _end(self, model: str, call: asyncio.Task[None], stubs: NewStubs) -> None:
        """Kill what the call waits for, until it comes back."""
        while not call.done():
            ready: set[int] = set()
            with contextlib.suppress(TritonAway):
                entries = await self._management.versions_of(model)
                ready = {version for version, one in entries.items() if one.is_ready}
            await self._aside(stubs.kill_initialising, ready)
            await asyncio.wait({call}, timeout=_KILL_AGAIN_S)
        call.exception()  # what it says of the killed ones is no news

    def _aside(self, act: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Have something done that reads /proc, where nothing that takes its time is done."""
        return asyncio.get_running_loop().run_in_executor(self._looking, act, *args)


def _hangs(versions: Collection[int]) -> LoadFailed:
    """Say which versions keep the next load from being asked for."""
    return LoadFailed(_HANGS, dict.fromkeys(versions, _HANGS))


async def _returned(
    call: asyncio.Task[None], look: Callable[[], Awaitable[list[Stub]]], timeout_s: float
) -> None:
    """Wait for a load to come back; raises what it has raised, or _Hangs."""
    loop = asyncio.get_running_loop()
    began_s = alive_s = now_s = loop.time()
    while not call.done():
        seen = await look()
        if not seen or not all(one.dead and one.is_complementing for one in seen):
            alive_s = now_s
        if now_s - began_s >= timeout_s:
            raise _Hangs(_what_hangs(seen, timeout_s))
        if now_s - alive_s > _DEAD_FOR_GOOD_S:
            raise _Hangs(_DIED_IN_IMPORT)
        await asyncio.wait({call}, timeout=_look_again_s(seen, now_s - began_s))
        now_s = loop.time()
    await call


def _look(stubs: NewStubs, starting: Yielding) -> list[Stub]:
    """See who is being started, and have them yield at once."""
    seen = stubs.look()
    starting.add(one.pid for one in seen)
    return seen


def _look_again_s(seen: Collection[Stub], waited_s: float) -> float:
    """Often while instances are about to be started: until they yield, others wait for them."""
    started = any(not one.is_complementing for one in seen)
    return _POLL_S if started or waited_s > _STARTING_S else _OFTEN_S


def _what_hangs(seen: Collection[Stub], timeout_s: float) -> str:
    importing = bool(seen) and all(one.is_complementing for one in seen)
    return f"{'its import' if importing else 'initialize'} took more than {timeout_s:g} s"
