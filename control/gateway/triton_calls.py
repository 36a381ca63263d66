"""Sends inferences to Triton: pinned, bounded in time, held and sent again when Triton dies."""

import asyncio
from collections.abc import Sequence
from typing import Final

from control.core.snapshot import VersionView
from control.core.tensors import Buffer
from control.errors import DeadlineExceeded, UpstreamUnavailable
from control.gateway.codec.triton_form import EncodedRequest
from control.gateway.replies_of_triton import ModelUnavailable, TritonDied, classify_refusal
from control.gateway.upstream_gate import HoldLimits, UpstreamGate
from control.observability.upstream_series import UpstreamSeries
from control.triton.upstream import (
    Abandoned,
    ConnectionLost,
    ConnectRefused,
    Upstream,
    UpstreamAnswer,
)

_OK: Final = 200
_NOT_LOADED_RETRY_S: Final = 0.1
_AWAY: Final = "Triton is not there"


class TritonCalls:
    """The gateway's only way to one Triton. Belongs to the event loop."""

    def __init__(
        self,
        upstream: Upstream,
        metrics: UpstreamSeries,
        *,
        hold: HoldLimits,
        timeout_s: float,
    ) -> None:
        """Call through ``upstream``; what is no inference gets ``timeout_s``."""
        self.upstream = upstream
        self.gate = UpstreamGate(self._is_live, hold, metrics)
        upstream.on_idle_lost = self.gate.suspect
        self._metrics = metrics
        self._timeout_s = timeout_s

    async def infer(
        self,
        view: VersionView,
        request: EncodedRequest,
        deadline_s: float,
        abandoned: Abandoned | None = None,
    ) -> UpstreamAnswer:
        """Send one inference in binary form and give Triton's 200, by ``deadline_s`` (loop time).

        Raises the ControlError that Triton's refusal means, DeadlineExceeded, or, where Triton
        stays away or dies again and again under this request, UpstreamUnavailable. Triton works on
        what was given up; ``abandoned`` hears when it is done.
        """
        parts = [self._head(view, request), request.header, *request.data]
        loop = asyncio.get_running_loop()
        hold_until_s = min(deadline_s, loop.time() + self.gate.limits.timeout_s)
        losses = 0
        while True:
            if not self.gate.is_open:
                await self.gate.wait_open(hold_until_s)
            try:
                return await self._send(view, parts, deadline_s, abandoned)
            except ConnectRefused as error:
                self.gate.close(str(error))
            except ConnectionLost as error:
                self.gate.close(str(error))
                losses += 1
                if losses > self.gate.limits.max_replays:
                    message = f"Triton died {losses} times under this request"
                    raise TritonDied(message, retry_after_s=5) from error
                self._metrics.replays.inc()
            except ModelUnavailable:
                # Triton answers before a restarted model is loaded; the snapshot says it will be.
                left_s = hold_until_s - loop.time()
                if left_s <= 0.0:
                    raise
                with self.gate.holding():
                    await asyncio.sleep(min(left_s, _NOT_LOADED_RETRY_S))

    async def infer_once(
        self,
        view: VersionView,
        request: EncodedRequest,
        deadline_s: float,
        abandoned: Abandoned | None = None,
    ) -> UpstreamAnswer:
        """Do as ``infer``, but wait for nothing and send once: a loss is the end.

        Raises TritonDied where the connection is lost under the request, UpstreamUnavailable where
        it could not be sent.
        """
        self.refuse_if_away()
        parts = [self._head(view, request), request.header, *request.data]
        try:
            return await self._send(view, parts, deadline_s, abandoned)
        except ConnectRefused as error:
            self.gate.close(str(error))
            raise UpstreamUnavailable(_AWAY, retry_after_s=1) from error
        except ConnectionLost as error:
            self.gate.close(str(error))
            raise TritonDied("Triton died under this request", retry_after_s=5) from error

    def refuse_if_away(self) -> None:
        """Raise UpstreamUnavailable where Triton takes no calls now."""
        if not self.gate.is_open:
            raise UpstreamUnavailable(_AWAY, retry_after_s=1)

    async def wait_until_up(self, deadline_s: float) -> None:
        """Wait for a Triton that is away, as long as requests are held; raises as ``infer``."""
        now_s = asyncio.get_running_loop().time()
        await self.gate.wait_open(min(deadline_s, now_s + self.gate.limits.timeout_s))

    async def request(
        self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: Buffer = b""
    ) -> UpstreamAnswer:
        """Send anything but an inference, once; raises UpstreamUnavailable or DeadlineExceeded."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self.upstream.request(method, path, headers, body)
        except (ConnectRefused, ConnectionLost) as error:
            self.gate.close(str(error))
            raise UpstreamUnavailable(_AWAY, retry_after_s=1) from error
        except TimeoutError as error:
            message = f"Triton did not answer within {self._timeout_s:g} s"
            raise DeadlineExceeded(message) from error

    def close(self) -> None:
        """End for good: idle connections at once, the others with their calls."""
        self.upstream.on_idle_lost = _ignore
        self.upstream.retire()
        self.gate.end()

    async def _send(
        self,
        view: VersionView,
        parts: Sequence[Buffer],
        deadline_s: float,
        abandoned: Abandoned | None,
    ) -> UpstreamAnswer:
        answer = await self.upstream.call(parts, deadline_s, abandoned)
        if answer.status == _OK:
            return answer
        raise classify_refusal(answer.status, bytes(answer.body), view.config_json)

    def _head(self, view: VersionView, request: EncodedRequest) -> bytes:
        path = b"/v2/models/%b/versions/%d/infer" % (view.model.encode(), view.version)
        extra = b"Inference-Header-Content-Length: %d\r\n" % len(request.header)
        return self.upstream.head(b"POST", path, request.length, extra)

    async def _is_live(self) -> bool:
        try:
            async with asyncio.timeout(1.0):
                answer = await self.upstream.request("GET", "/v2/health/live")
        except (ConnectRefused, ConnectionLost, TimeoutError):
            return False
        return answer.status == _OK


def _ignore() -> None:
    """Do nothing."""
