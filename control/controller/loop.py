"""The controller's loop: reads Triton, publishes what has changed."""

import asyncio
import time
from dataclasses import dataclass, field

import msgspec

from control.controller.triton_reader import TritonReader
from control.link.messages import SnapshotMessage, VersionMessage
from control.link.publisher import SnapshotPublisher
from control.observability.logs import get_logger
from control.triton.management import TritonAway

_INTERVAL_S = 0.25
_RENEW_EVERY = 20

_log = get_logger("controller")


@dataclass(slots=True)
class ControllerState:
    """What the admin API shows. Written by the loop, read by Flask's threads: whole values only."""

    started_s: float = field(default_factory=time.monotonic)
    revision: int = 0
    triton_up: bool = False
    triton_reason: str = "starting"
    versions: tuple[VersionMessage, ...] = ()
    gateways: int = 0


class ControllerLoop:
    """Ticks until cancelled."""

    def __init__(
        self,
        reader: TritonReader,
        publisher: SnapshotPublisher,
        state: ControllerState,
        interval_s: float = _INTERVAL_S,
    ) -> None:
        """Publish by ``publisher`` what ``reader`` finds; show it in ``state``."""
        self._reader = reader
        self._publisher = publisher
        self._state = state
        self._interval_s = interval_s
        self._last = SnapshotMessage(0, b"", [])

    async def run(self) -> None:
        """Tick for ever."""
        ticks = 0
        while True:
            if ticks % _RENEW_EVERY == 0:
                self._reader.renew()
            ticks += 1
            await self._tick()
            await asyncio.sleep(self._interval_s)

    async def _tick(self) -> None:
        self._state.gateways = self._publisher.gateway_count
        try:
            message = await self._reader.read(self._last.revision)
        except TritonAway as error:
            # The last snapshot stays: gateways hold requests for the models they know.
            if self._state.triton_up:
                _log.warning("triton_away", reason=str(error))
            self._state.triton_up, self._state.triton_reason = False, str(error)
            return
        self._state.triton_up, self._state.triton_reason = True, ""
        if message == self._last:
            return
        # Wall clock, so that revisions also rise over restarts of the controller.
        revision = max(self._last.revision + 1, int(time.time() * 1000))
        self._last = msgspec.structs.replace(message, revision=revision)
        self._state.revision, self._state.versions = revision, tuple(message.versions)
        self._publisher.publish(self._last)
        ready = [f"{one.model}/{one.version}" for one in message.versions if one.ready]
        _log.info("snapshot_published", revision=revision, ready=ready)
