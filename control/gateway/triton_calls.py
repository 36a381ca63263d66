"""Sends inferences to Triton: pinned, bounded in time, held and sent again when Triton dies."""

import asyncio
from collections.abc import Sequence
from typing import Final

from control.core.snapshot import VersionView
from control.core.tensors import Buffer
from control.errors import DeadlineExceeded, UpstreamUnavailable
from control.gateway.replies_of_triton import ModelUnavailable, StubDied, classify_refusal
from control.gateway.snapshots import SnapshotHolder
from control.gateway.upstream_gate import HoldLimits, UpstreamGate
from control.observability.metrics import GatewayMetrics
from control.triton.upstream import ConnectionLost, ConnectRefused, Upstream, UpstreamAnswer

_OK: Final = 200
_NOT_LOADED_RETRY_S: Final = 0.1


class TritonCalls:
    """The gateway's only way to Triton. Belongs to the event loop."""

    def __init__(
        self,
        upstream: Upstream,
        snapshots: SnapshotHolder,
        metrics: GatewayMetrics,
        *,
        hold: HoldLimits,
        timeout_s: float,
    ) -> None:
        """Call through ``upstream``; an inference gets ``timeout_s`` from first to last byte."""
        self.upstream = upstream
        self.gate = UpstreamGate(self._is_live, hold, metrics)
        upstream.on_idle_lost = self.gate.suspect
        self._snapshots = snapshots
        self._metrics = metrics
        self._timeout_s = timeout_s

    async def infer(
        self, view: VersionView, header: bytes, data: Sequence[Buffer]
    ) -> UpstreamAnswer:
        """Send one inference in binary form and give Triton's 200.

        Raises the ControlError that Triton's refusal means, DeadlineExceeded, or, where Triton
        stays away or dies again and again under this request, UpstreamUnavailable.
        """
        parts = [self._head(view, header, data), header, *data]
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        deadline_s = started_s + self._timeout_s
        hold_until_s = min(deadline_s, started_s + self.gate.limits.timeout_s)
        losses = 0
        while True:
            if not self.gate.is_open:
                await self.gate.wait_open(hold_until_s)
            try:
                return await self._send(view, parts, deadline_s)
            except ConnectRefused as error:
                self.gate.close(str(error))
            except ConnectionLost as error:
                self.gate.close(str(error))
                losses += 1
                if losses > self.gate.limits.max_replays:
                    message = f"Triton died {losses} times under this request"
                    raise UpstreamUnavailable(message, retry_after_s=5) from error
                self._metrics.replays.inc()
            except ModelUnavailable:
                # Triton answers before a restarted model is loaded; the snapshot says it will be.
                if loop.time() > hold_until_s:
                    raise
                with self.gate.holding():
                    await asyncio.sleep(_NOT_LOADED_RETRY_S)

    async def request(
        self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: Buffer = b""
    ) -> UpstreamAnswer:
        """Send anything but an inference, once; raises UpstreamUnavailable or DeadlineExceeded."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self.upstream.request(method, path, headers, body)
        except (ConnectRefused, ConnectionLost) as error:
            self.gate.close(str(error))
            message = "Triton is not there"
            raise UpstreamUnavailable(message, retry_after_s=1) from error
        except TimeoutError as error:
            message = f"Triton did not answer within {self._timeout_s:g} s"
            raise DeadlineExceeded(message) from error

    async def _send(
        self, view: VersionView, parts: Sequence[Buffer], deadline_s: float
    ) -> UpstreamAnswer:
        answer = await self.upstream.call(parts, deadline_s)
        if answer.status == _OK:
            return answer
        error = classify_refusal(answer.status, bytes(answer.body))
        if isinstance(error, StubDied):
            self._snapshots.mark_dead(view)
        raise error

    def _head(self, view: VersionView, header: bytes, data: Sequence[Buffer]) -> bytes:
        path = b"/v2/models/%b/versions/%d/infer" % (view.model.encode(), view.version)
        extra = b"Inference-Header-Content-Length: %d\r\n" % len(header)
        return self.upstream.head(b"POST", path, len(header) + sum(map(len, data)), extra)

    async def _is_live(self) -> bool:
        try:
            async with asyncio.timeout(1.0):
                answer = await self.upstream.request("GET", "/v2/health/live")
        except (ConnectRefused, ConnectionLost, TimeoutError):
            return False
        return answer.status == _OK
