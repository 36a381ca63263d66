"""Puts the controller together from its setup: the composition root of the control plane."""

from collections.abc import Coroutine
from typing import Any

import msgspec

from control.child import ChildSetup
from control.contracts.artifacts import ArtifactStore
from control.controller.admin.app import AdminParts
from control.controller.admin.gate import AdminGate
from control.controller.contract_book import ContractBook
from control.controller.directive_source import DirectiveSource
from control.controller.event_stream import EventStream
from control.controller.guards import GuardWatch
from control.controller.learning import LearnedTraffic
from control.controller.loop import ControllerLoop, ControllerState
from control.controller.rollouts.assembly import Rollouts, Surroundings
from control.controller.triton_reader import TritonReader
from control.core.routes import NO_ROUTES
from control.identity.jwks_file import JwksFile
from control.identity.jwt_tokens import jwt_rules
from control.link.events import CanaryReport, GuardReport, Report
from control.link.messages import SnapshotMessage, decode_message
from control.link.publisher import SnapshotPublisher
from control.runtime import RuntimePaths
from control.state.store import StateStore
from control.triton.address import parse_address
from control.triton.management import GrpcIndex, HttpIndex
from control.triton.stubs import StubWatch
from control.triton.upstream import Upstream


class Controller:
    """The parts of the controller. Make it on its event loop; it rolls out with our own Triton."""

    def __init__(self, setup: ChildSetup, store: StateStore) -> None:
        """Build all parts; nothing runs yet."""
        settings, paths = setup.settings, setup.paths
        self._paths = paths
        self._store = store
        self._repository = settings.triton.repository
        self._state = ControllerState()
        self._learned, self._guards, self._events = LearnedTraffic(), GuardWatch(), EventStream()
        self._rollouts: Rollouts | None = None
        reader = _reader(setup)
        if settings.triton.http_url == f"unix:{paths.triton_http}":
            around = Surroundings(setup, store, self._state, self._guards, self._events, reader)
            self._rollouts = Rollouts(around)
        self._directives = DirectiveSource(
            store,
            JwksFile(settings.identity.jwks_file),
            setup.operator,
            routes=self._rollouts.routes if self._rollouts is not None else lambda: NO_ROUTES,
        )
        self._gate = AdminGate(jwt_rules(settings.identity))
        self._directives.on_change(self._gate.learn)
        self._publisher = SnapshotPublisher(paths.link_socket, paths.kept_snapshot, hear=self._hear)
        artifacts = ArtifactStore(paths.artifacts)
        self._book = ContractBook(self._repository, artifacts, store.contracts)
        self._loop = ControllerLoop(
            reader, self._book, self._directives, self._publisher, self._state
        )

    async def start(self) -> list[Coroutine[Any, Any, None]]:
        """Take up what earlier controllers have left, and give what has to run from now on."""
        if self._rollouts is not None:
            await self._rollouts.prepare()
        await self._directives.load()
        kept = _kept_snapshot(self._paths)
        if kept is None:
            self._book.tidy_artifacts()
        await self._publisher.start()
        if kept is not None:
            self._loop.go_on_from(kept)
        running = [self._loop.run()]
        if self._rollouts is not None:
            running.append(self._rollouts.run(self._directives))
        return running

    def admin_parts(self) -> AdminParts:
        """Give what the admin API shows and changes."""
        return AdminParts(
            self._state,
            self._store,
            self._directives,
            self._gate,
            self._learned,
            self._repository,
            self._guards,
            self._rollouts.desk(self._directives) if self._rollouts is not None else None,
            self._events,
        )

    def _hear(self, report: Report) -> None:
        """Give a report of a gateway to the one that it is for."""
        match report:
            case GuardReport():
                self._guards.hear(report)
            case CanaryReport():
                if self._rollouts is not None:
                    self._rollouts.reports.hear(report)
            case _:
                self._learned.hear(report)


def _kept_snapshot(paths: RuntimePaths) -> SnapshotMessage | None:
    """Read what an earlier controller of this run has published last; None at a first start."""
    try:
        return decode_message(paths.kept_snapshot.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None


def _reader(setup: ChildSetup) -> TritonReader:
    triton = setup.settings.triton
    upstream = Upstream(parse_address(triton.http_url), max_idle=2)
    index = (
        GrpcIndex(parse_address(triton.grpc_url), setup.admin_secret)
        if triton.grpc_url
        else HttpIndex(upstream)
    )
    pid_file = setup.paths.triton_pid if setup.paths.triton_pid.exists() else None
    return TritonReader(upstream, index, StubWatch(), pid_file)
