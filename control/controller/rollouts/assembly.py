"""Puts together what rolls versions out: the composition root of this part of the controller."""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry

from control.child import ChildSetup
from control.controller.announcement import announcements
from control.controller.directive_source import DirectiveSource
from control.controller.event_stream import EventStream
from control.controller.forever import run_for_ever
from control.controller.guards import GuardWatch
from control.controller.loop import ControllerState
from control.controller.rollouts.adoption import adopt_served
from control.controller.rollouts.apart import ServersApart
from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.desk import RolloutDesk
from control.controller.rollouts.driver import RolloutDriver
from control.controller.rollouts.evidence import FactsGatherer
from control.controller.rollouts.lead import Lead
from control.controller.rollouts.performer import Performer
from control.controller.rollouts.places import Places
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.quiet import Quiet
from control.controller.rollouts.reports import CanaryReports
from control.controller.rollouts.series import RolloutSeries
from control.controller.rollouts.serving import MainServer, Serving
from control.controller.rollouts.verifier import Verifier
from control.controller.rollouts.works import Works
from control.controller.triton_reader import TritonReader
from control.controller.webhooks.webhooks import Webhooks
from control.core.rollout import Step
from control.core.rollout_record import ModelRecord
from control.core.rollout_route import route_of
from control.core.routes import Routes
from control.lane import Lane
from control.link.launcher_client import ExtraServers
from control.observability.rollout_metrics import RolloutOutcomes
from control.repository.served import ServedRepository
from control.repository.watch import RepositoryWatch
from control.state.store import StateStore
from control.triton.address import parse_address
from control.triton.loading import VersionLoader
from control.triton.management import TritonManagement
from control.triton.stubs import StubWatch

_WAITS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rollouts share with the rest of the controller."""

    setup: ChildSetup
    store: StateStore
    state: ControllerState
    guards: GuardWatch
    events: EventStream
    reader: TritonReader


class Rollouts:
    """All parts, made on the event loop. Only with an embedded tritonserver."""

    def __init__(self, around: Surroundings) -> None:
        """Build all parts; nothing runs before ``prepare``."""
        settings, paths = around.setup.settings, around.setup.paths
        repository = settings.triton.repository
        self._around = around
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._policies = Policies(repository)
        served = ServedRepository(paths.served, paths.staged)
        self._places = Places(repository, paths, served)
        self.book = RolloutBook(around.store.rollouts)
        self.reports = CanaryReports(lambda _model: self._wake.set())
        self._works = Works(self._wake)
        self._hooks = Webhooks(settings.webhooks)
        self._watch = RepositoryWatch(repository, settings.repository)
        # Containers may share their host's name and the path of their state.
        holder = f"{socket.gethostname()}:{around.setup.run_id}"
        self._lead = Lead(around.store.leases, holder)
        self._series = RolloutSeries(RolloutOutcomes(CollectorRegistry()), self.book)
        self.book.on_change(self._announce)
        self.book.on_change(self._tell_hooks)
        self.book.on_change_elsewhere(self._announce)

    async def prepare(self) -> None:
        """Know all records, and have one of each model that is served; raises StateUnavailable."""
        await asyncio.to_thread(self._places.served.tidy)
        await asyncio.to_thread(self.book.reload)
        await self._lead.renew()
        await asyncio.to_thread(adopt_served, self.book, self._places, time.time())

    def routes(self) -> Routes:
        """Say where requests go; called on a thread."""
        return {model: route_of(record) for model, record in self.book.records().items()}

    def desk(self, directives: DirectiveSource) -> RolloutDesk:
        """Make what takes operators' orders."""

        def take_effect() -> None:
            self._loop.call_soon_threadsafe(self._wake.set)
            directives.take_effect()

        return RolloutDesk(
            self.book, self.reports, self._policies, self._works, self._lead, take_effect
        )

    async def run(self, directives: DirectiveSource) -> None:
        """Roll versions out for ever."""
        around = self._around
        # It waits for the directives, which need a thread that such waits must not take.
        waiting = Lane("waiting", _WAITS_AT_ONCE)
        quiet = Quiet(around.guards, lambda: waiting.do(directives.take_effect))
        driver = RolloutDriver(
            self.book,
            FactsGatherer(around.state, self._watch, self.reports, self._policies, self._works),
            Performer(
                self._works,
                self._places,
                Verifier(around.state, self._places),
                self._hooks,
            ),
            self._lead,
            self._wake,
        )
        main = MainServer(around.state, _loader(around.setup), quiet)
        serving = Serving(self.book, main, self._places, self._policies, self._works)
        apart = ServersApart(
            self.book,
            ExtraServers(around.setup.paths.launcher_socket),
            self._places,
            self._works,
            around.reader,
            around.setup.admin_secret,
        )
        # Routes and what is served follow at the next look; these bring it at once.
        self.book.on_change(partial(self._call_soon, directives.poke))
        self.book.on_change(partial(self._call_soon, serving.wake.set))
        async with asyncio.TaskGroup() as parts:
            for part in (self._lead, driver, serving, apart, self._series):
                parts.create_task(part.run())
            # A failure ends these: they begin anew, as every other part goes on.
            parts.create_task(run_for_ever("watch", self._watch.run, 0.0))
            parts.create_task(run_for_ever("webhooks", self._hooks.run, 0.0))

    def _call_soon(
        self, follow: Callable[[], None], _before: ModelRecord | None, _step: Step
    ) -> None:
        self._loop.call_soon_threadsafe(follow)

    def _announce(self, before: ModelRecord | None, step: Step) -> None:
        """Let those hear who listen here, whichever controller has taken the step."""
        for one in announcements(before, step, time.time()):
            self._around.events.publish("rollout", one.as_event())

    def _tell_hooks(self, before: ModelRecord | None, step: Step) -> None:
        """Have other services told: by the one controller that has taken the step."""
        for one in announcements(before, step, time.time()):
            self._hooks.tell(one)


def _loader(setup: ChildSetup) -> VersionLoader:
    management = TritonManagement(parse_address(setup.settings.triton.grpc_url), setup.admin_secret)
    paths = setup.paths
    return VersionLoader(management, paths.served, paths.triton_pid, StubWatch())
