"""Makes the main tritonserver serve what the records say: copies put in place, versions loaded.

It compares and mends, again and again, so it does not matter who died in between. Versions are
loaded one after the other, so that it is known whose failure it is: one that does not come up takes
no other with it, and is blamed on no other. A version is unloaded only when no gateway sends
anything to it any more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from control.controller.forever import run_for_ever
from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.places import Places
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.works import NotDone, Works, in_words
from control.core.canary_policy import CanaryPolicy
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout
from control.core.rollout_route import (
    live_versions,
    model_digests,
    versions_in_main,
    versions_kept,
    versions_to_unload,
)
from control.observability.logs import get_logger
from control.repository.refusals import SourceChanged, SourceRefused, StagingFailed
from control.triton.management import LOADING, READY, LoadFailed, TritonAway

_INTERVAL_S: Final = 0.2
#: What has failed, and what says nothing of a version, is tried again after this time.
_AGAIN_S: Final = 5.0
#: So many loads of one attempt may end with the whole tritonserver: one can be a coincidence.
_MOST_DEATHS: Final = 2
#: How long callers of a version that has done its work may take, and those of a bad one.
_PATIENCE_S: Final = 60.0
_PATIENCE_WITH_BAD_S: Final = 5.0

#: A record's revision, and the versions that tritonserver had or was loading.
_Standing = tuple[int, frozenset[int]]

_log = get_logger("rollouts")


class Loader(Protocol):
    """Brings versions up in the main tritonserver."""

    async def load(self, model: str, versions: frozenset[int], timeout_s: float) -> None:
        """Have exactly these versions loaded, none unloading the model.

        Raises LoadFailed or TritonAway.
        """
        ...

    async def add(self, model: str, version: int, wanted: frozenset[int], timeout_s: float) -> None:
        """Have a version loaded beside those that are ready; ``wanted`` may be on their way.

        Raises LoadFailed or TritonAway.
        """
        ...

    def end_hung(self, model: str, versions: frozenset[int]) -> int:
        """Kill the processes of versions that nobody needs and that do not answer."""
        ...


class Index(Protocol):
    """What the main tritonserver says of its versions."""

    def states(self, model: str) -> Mapping[int, str] | None:
        """Give the state of each version; None while tritonserver is away."""
        ...


@dataclass(frozen=True, slots=True)
class MainServer:
    """The main tritonserver.

    ``quiet`` says whether nobody calls these versions of a model any more, after so many seconds.
    """

    index: Index
    loader: Loader
    quiet: Callable[[str, frozenset[int], float], Awaitable[bool]]


class Serving:
    """Belongs to the event loop."""

    def __init__(
        self, book: RolloutBook, main: MainServer, places: Places, policies: Policies, works: Works
    ) -> None:
        """Have ``main`` serve what ``book`` says, from ``places``; tell ``works`` what failed."""
        self._book = book
        self._main = main
        self._places = places
        self._policies = policies
        self._works = works
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._pinned: dict[str, frozenset[int]] = {}
        self._tidied: dict[str, _Standing] = {}
        self._deaths: dict[str, tuple[str, int]] = {}
        self._left_out = works.left_out
        #: Set it to have a change of the records followed at once.
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Compare and mend for ever."""
        await run_for_ever("serving", self.tick, _INTERVAL_S, self.wake)

    def tick(self) -> None:
        """Begin to mend every model that is not as its record says."""
        for record in self._book.records().values():
            if record.model in self._busy:
                continue
            states = self._main.index.states(record.model)
            if states is None:
                continue  # its own config brings it up; then there is something to compare
            mend = self._mend(record, states)
            if mend is not None:
                self._busy[record.model] = asyncio.create_task(self._do(record, mend))
            else:
                self._hold_up(record, self._left_out.told(record.model))

    def _mend(
        self, record: ModelRecord, states: Mapping[int, str]
    ) -> Coroutine[Any, Any, None] | None:
        loaded = frozenset(number for number, state in states.items() if state == READY)
        loading = frozenset(number for number, state in states.items() if state == LOADING)
        wanted = versions_in_main(record) - (self._refused(record) - loaded)
        # Before this has begun, it is what an earlier controller has died in: nobody ends it.
        begun = loading if record.model in self._pinned else frozenset()
        self._left_out.keep(record.model, wanted - loaded)
        version = self._next(record, wanted - loaded - begun)
        if version is not None:
            return self._bring_up(record, version, wanted)
        if self._pinned.get(record.model) != live_versions(record):
            return self._pin(record)
        surplus = versions_to_unload(record, loaded)
        if surplus:
            return self._take_down(record, surplus, (loaded | wanted & loading) - surplus)
        in_use = loaded | loading
        if self._tidied.get(record.model) != (record.revision, in_use):
            return self._tidy(record, in_use)
        return None

    def _next(self, record: ModelRecord, missing: frozenset[int]) -> int | None:
        """Choose which one to bring up: the one that requests go to first."""
        due = [one for one in missing if self._left_out.is_due(record.model, one)]
        return min(due, key=lambda one: (one != record.stable, one), default=None)

    def _refused(self, record: ModelRecord) -> frozenset[int]:
        """Give the version under way where its end is only a matter of time: it is left alone."""
        rollout = record.rollout
        if rollout is None or not self._works.stopped(rollout.rollout):
            return frozenset()
        return frozenset({rollout.version})

    async def _do(self, record: ModelRecord, mend: Coroutine[Any, Any, None]) -> None:
        model = record.model
        try:
            await mend
        except (NotDone, TritonAway, OSError, SourceChanged, StagingFailed) as error:
            _log.warning("serving_waits", model=model, reason=str(error))
            await self._rest(record, error)
        except Exception as error:  # noqa: BLE001 - nobody else hears of it
            _log.error("serving_failed", model=model, exc_info=error)
            await self._rest(record, error)
        finally:
            del self._busy[model]

    async def _rest(self, record: ModelRecord, error: Exception) -> None:
        self._hold_up(record, in_words(error))
        await asyncio.sleep(_AGAIN_S)

    def _hold_up(self, record: ModelRecord, reason: str) -> None:
        """Note what is in the way of a rollout here; empty where nothing is."""
        if record.rollout is not None:
            self._works.hold_up(record.rollout.rollout, "serving", reason)

    async def _policy(self, record: ModelRecord) -> CanaryPolicy:
        if record.rollout is not None:
            return record.rollout.policy
        return await self._policies.soon(record.model, record.stable)

    async def _bring_up(self, record: ModelRecord, version: int, wanted: frozenset[int]) -> None:
        model, rollout = record.model, record.rollout
        is_tried = rollout is not None and rollout.version == version
        try:
            await self._load(record, version, wanted)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this version's alone
            if rollout is None or not is_tried:
                self._leave_out(record, version, error)
            else:
                self._heed(model, rollout, error)
        else:
            if is_tried:
                self._deaths.pop(model, None)

    async def _load(self, record: ModelRecord, version: int, wanted: frozenset[int]) -> None:
        model, digest = record.model, record.versions[version].digest
        policy = await self._policy(record)
        beside = model_digests(record, version)
        await asyncio.to_thread(self._places.put_in, model, version, digest, beside)
        limit_s = policy.verification.load_timeout_s
        await self._main.loader.add(model, version, wanted, limit_s)

    def _leave_out(self, record: ModelRecord, version: int, error: Exception) -> None:
        """Let the others serve without a version that is to be served; raises TritonAway."""
        is_away = isinstance(error, TritonAway)
        wait_s = self._left_out.add(record.model, version, in_words(error), is_own=not is_away)
        _log.error(
            "version_left_out",
            model=record.model,
            version=version,
            reason=str(error),
            again_in_s=wait_s,
            effect="the model is served without it meanwhile",
        )
        if is_away:
            raise error

    def _heed(self, model: str, rollout: Rollout, error: Exception) -> None:
        """End the attempt by what is its version's failure; raises all else."""
        match error:
            case TritonAway():
                self._note_death(model, rollout)
            case LoadFailed(by_version=named) if named and rollout.version not in named:
                message = "; ".join(f"version {n}: {named[n]}" for n in sorted(named))
                raise NotDone(message) from error
            case LoadFailed() | SourceRefused():
                _log.error("load_failed", model=model, version=rollout.version, reason=str(error))
                self._refuse(rollout, str(error))
                return
        raise error

    def _note_death(self, model: str, rollout: Rollout) -> None:
        """Note that tritonserver went away in a load: it must not do so again and again."""
        name, count = self._deaths.get(model, ("", 0))
        count = count + 1 if name == rollout.rollout else 1
        self._deaths[model] = rollout.rollout, count
        if count >= _MOST_DEATHS:
            self._refuse(rollout, f"tritonserver has died in {count} loads of it")

    def _refuse(self, rollout: Rollout, reason: str) -> None:
        """End the attempt: whoever leads, a version has to load on every host."""
        self._works.stop(rollout.rollout, f"it does not load: {reason}")

    async def _pin(self, record: ModelRecord) -> None:
        """Have a restarted tritonserver come up with what is live."""
        live = live_versions(record)
        served = self._places.served
        if record.model in await asyncio.to_thread(served.models):
            await asyncio.to_thread(served.write_config, record.model, live)
        self._pinned[record.model] = live

    async def _tidy(self, record: ModelRecord, in_use: frozenset[int]) -> None:
        """Remove the copies that nobody needs any more, or that somebody who died has left."""
        model = record.model
        copied = await asyncio.to_thread(self._places.copied, model)
        for version in sorted(copied - in_use - versions_kept(record)):
            now = self._book.record(model)
            if now is None or version in versions_kept(now):
                return  # it has begun anew
            await asyncio.to_thread(self._places.forget, model, version)
        self._tidied[model] = record.revision, in_use

    async def _take_down(
        self, record: ModelRecord, surplus: frozenset[int], kept: frozenset[int]
    ) -> None:
        model, wanted = record.model, versions_in_main(record)
        retired = {n for n, one in record.versions.items() if one.phase is Phase.RETIRED}
        has_served = bool(surplus & retired)  # a version whose folder is gone may be forgotten
        patience_s = _PATIENCE_S if has_served else _PATIENCE_WITH_BAD_S
        is_quiet = await self._main.quiet(model, surplus, patience_s)
        now = self._book.record(model)
        if now is None or versions_in_main(now) != wanted:
            return  # somebody wants them back
        if not is_quiet:
            # Triton would keep it, and what it was asked, for as long as the server lives.
            ended = await asyncio.to_thread(self._main.loader.end_hung, model, surplus)
            _log.warning("hung_version_ended", model=model, versions=sorted(surplus), killed=ended)
        try:
            await self._main.loader.load(model, kept, _AGAIN_S)
        except LoadFailed as error:
            _log.error("unload_failed", model=model, versions=sorted(surplus), reason=str(error))
            await asyncio.sleep(_AGAIN_S)
