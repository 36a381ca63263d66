"""The controller's loop: reads Triton, publishes what has changed."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from control.controller.contract_book import ContractBook, ContractState
from control.controller.directive_source import DirectiveSource
from control.controller.forever import run_for_ever
from control.controller.triton_reader import TritonReader
from control.core.orders import Directives
from control.link.messages import SnapshotMessage, VersionMessage
from control.link.publisher import SnapshotPublisher
from control.observability.logs import get_logger
from control.triton.management import TritonAway

_INTERVAL_S = 0.25
_RENEW_EVERY = 20
_APPLY_PATIENCE_S = 0.5

_log = get_logger("controller")


@dataclass(slots=True)
class ControllerState:
    """What the admin API shows. Written by the loop, read by Flask's threads: whole values only.

    ``index`` is what the main tritonserver says of each version, None while it is away.
    """

    started_s: float = field(default_factory=time.monotonic)
    revision: int = 0
    triton_up: bool = False
    triton_reason: str = "starting"
    versions: tuple[VersionMessage, ...] = ()
    index: Mapping[str, Mapping[int, str]] | None = None
    contracts: Mapping[tuple[str, int], ContractState] = field(default_factory=dict)
    gateways: int = 0

    def states(self, model: str) -> Mapping[int, str] | None:
        """Give the state of each version in the main tritonserver; None while that is away."""
        return None if self.index is None else self.index.get(model, {})


class ControllerLoop:
    """Ticks until cancelled."""

    def __init__(
        self,
        reader: TritonReader,
        book: ContractBook,
        directives: DirectiveSource,
        publisher: SnapshotPublisher,
        state: ControllerState,
        interval_s: float = _INTERVAL_S,
    ) -> None:
        """Publish by ``publisher`` what the first three find; show it in ``state``."""
        self._reader = reader
        self._book = book
        self._directives = directives
        self._publisher = publisher
        self._state = state
        self._interval_s = interval_s
        self._triton: SnapshotMessage | None = None
        self._last = SnapshotMessage(0, b"", [])
        self._ticks = 0

    async def run(self) -> None:
        """Tick for ever; changed directives go out between ticks, whatever Triton does."""
        async with asyncio.TaskGroup() as both:
            both.create_task(run_for_ever("snapshots", self._tick, self._interval_s))
            both.create_task(run_for_ever("directives", self._pass_directives_on, 0.0))

    def go_on_from(self, kept: SnapshotMessage) -> None:
        """Publish what an earlier controller of this run has left, with the directives of now."""
        self._last = kept
        self._publish(_directed(kept, self._directives.current()))

    async def _pass_directives_on(self) -> None:
        directives = await self._directives.next()
        message = _directed(self._last, directives)
        # Without a revision nobody has seen a snapshot yet: the first one brings them.
        if self._last.revision and message != self._last:
            self._publish(message)
        # Whoever waits for the change goes on when it holds. A gateway that is stuck serves
        # nobody: the next change must not wait for it for long.
        await self._publisher.applied(self._last.revision, _APPLY_PATIENCE_S)

    async def _tick(self) -> None:
        if self._ticks % _RENEW_EVERY == 0:
            self._reader.renew()
        self._ticks += 1
        self._state.gateways = self._publisher.gateway_count
        await self._read_triton()
        if self._triton is None:
            return  # gateways wait for the first snapshot rather than believe in no models
        versions = [await self._with_contract(one) for one in self._triton.versions]
        message = msgspec.structs.replace(
            self._triton, revision=self._last.revision, versions=versions
        )
        message = _directed(message, self._directives.current())
        self._state.contracts = self._book.states
        if message != self._last:
            self._publish(message)

    async def _read_triton(self) -> None:
        try:
            self._triton = await self._reader.read(0)
        except TritonAway as error:
            # The last versions stay: gateways hold requests for the models they know.
            if self._state.triton_up:
                _log.warning("triton_away", reason=str(error))
            self._state.triton_up, self._state.triton_reason = False, str(error)
            self._state.index = None
        else:
            self._state.triton_up, self._state.triton_reason = True, ""
            self._state.index = self._reader.index
            self._book.forget_others({(one.model, one.version) for one in self._triton.versions})

    async def _with_contract(self, one: VersionMessage) -> VersionMessage:
        contract = await self._book.update(one.model, one.version, one.config_json)
        return msgspec.structs.replace(one, contract_json=contract.document)

    def _publish(self, message: SnapshotMessage) -> None:
        # Wall clock, so that revisions also rise over restarts of the controller.
        revision = max(self._last.revision + 1, int(time.time() * 1000))
        self._last = msgspec.structs.replace(message, revision=revision)
        self._state.revision, self._state.versions = revision, tuple(message.versions)
        self._publisher.publish(self._last)
        ready = [f"{one.model}/{one.version}" for one in message.versions if one.ready]
        _log.info("snapshot_published", revision=revision, ready=ready)


def _directed(message: SnapshotMessage, directives: Directives) -> SnapshotMessage:
    """Give the message with what is laid down."""
    return msgspec.structs.replace(
        message,
        access=directives.access,
        orders=directives.orders,
        routes=dict(directives.routes),
    )
