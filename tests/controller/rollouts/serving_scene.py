"""Serving over a tritonserver that does what it is told."""

import asyncio
from collections.abc import Collection
from dataclasses import replace

from control.controller.rollouts.adoption import adopt_served
from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.serving import MainServer, Serving
from control.controller.rollouts.works import Works
from control.core.canary_policy import DEFAULT_CANARY
from control.core.rollout import Step
from control.core.rollout_begin import begin
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.state.audit import Act
from tests.support.polls import eventually

ACT = Act("test", "", 1.0, "because")


class Triton:
    """A tritonserver that loads what it is told, unless it is told to fail."""

    def __init__(self) -> None:
        self.versions: dict[int, str] | None = {1: "READY"}
        self.loads: list[frozenset[int]] = []
        self.fault: Exception | None = None
        #: What versions fail of, each by itself.
        self.faults: dict[int, Exception] = {}
        self.quiet_for: list[frozenset[int]] = []
        self.is_quiet = True
        self.ended: list[frozenset[int]] = []

    def states(self, _model: str) -> dict[int, str] | None:
        return self.versions

    async def load(self, _model: str, versions: Collection[int], _timeout_s: float) -> None:
        self.loads.append(frozenset(versions))
        if self.fault is not None:
            raise self.fault
        self.versions = dict.fromkeys(versions, "READY")

    async def add(
        self, model: str, version: int, _wanted: Collection[int], timeout_s: float
    ) -> None:
        if version in self.faults:
            self.loads.append(self.ready | {version})
            raise self.faults[version]
        await self.load(model, self.ready | {version}, timeout_s)

    @property
    def ready(self) -> frozenset[int]:
        """What it has loaded."""
        return frozenset(n for n, state in (self.versions or {}).items() if state == "READY")

    async def quiet(self, _model: str, versions: frozenset[int], _patience_s: float) -> bool:
        assert set(versions) <= set(self.versions or {})
        self.quiet_for.append(versions)
        return self.is_quiet

    def end_hung(self, _model: str, versions: frozenset[int]) -> int:
        self.ended.append(versions)
        return len(versions)


class Scene:
    """Serving, with all around it."""

    def __init__(self, store, places) -> None:
        self.triton = Triton()
        self.places = places
        self.book = RolloutBook(store.rollouts)
        self.works = Works(asyncio.Event())
        adopt_served(self.book, places, 1.0)
        main = MainServer(self.triton, self.triton, self.triton.quiet)
        policies = Policies(places.source)
        self.serving = Serving(self.book, main, places, policies, self.works)

    @property
    def record(self) -> ModelRecord:
        record = self.book.record("twice")
        assert record is not None
        return record

    def change(self, record: ModelRecord) -> None:
        self.book.commit(self.record, Step(record, "changed", "because"), ACT)

    def begin(self, attempt: str = "attempt") -> None:
        """Bring version 2 to where it is loaded."""
        digest = self.places.stage("twice", 2).digest
        known = replace(self.record.versions[1], version=2, phase=Phase.DETECTED)
        with_two = replace(self.record, versions={**self.record.versions, 2: known})
        begun = begin(with_two, 2, DEFAULT_CANARY, attempt, 1.0).record
        loading = replace(begun.versions[2], phase=Phase.LOADING, digest=digest)
        self.change(replace(begun, versions={**begun.versions, 2: loading}))

    def forget(self, version: int) -> None:
        """Let the record know nothing of a version: its folder is gone."""
        versions = {n: one for n, one in self.record.versions.items() if n != version}
        self.change(replace(self.record, versions=versions))

    def copies(self) -> set[str]:
        """Name what lies where versions are staged, and the versions that are served."""
        staged = self.places.paths.staged / "twice"
        served = {f"served {number}" for number in self.places.served.versions("twice")}
        return served | {one.name for one in staged.iterdir()}

    async def settled(self) -> None:
        """Tick until there is nothing to do."""
        for _ in range(5):
            self.serving.tick()
            await eventually(lambda: not self.serving._busy, "it is not busy")
