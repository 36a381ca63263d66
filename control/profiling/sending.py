"""Sends one kind of request some times, and keeps the times that it took."""

import asyncio
from collections.abc import Sequence
from typing import Final

from control.core.tensors import InferRequest
from control.errors import DeadlineExceeded
from control.gateway.codec.triton_form import encode_for_triton
from control.triton.upstream import ConnectionLost, ConnectRefused, Upstream

_OK: Final = 200
#: Each kind is sent so often; no longer than this, once it has been sent a few times.
_REQUESTS: Final = 30
_LEAST_REQUESTS: Final = 4
_MOST_S: Final = 2.0
_TIMEOUT_S: Final = 60.0


class NotAnswered(Exception):
    """The model does not answer this kind of request."""


class Sender:
    """Asks one version, one request after the other."""

    def __init__(self, upstream: Upstream, model: str, version: int) -> None:
        """Ask by ``upstream``."""
        self._upstream = upstream
        self._path = f"/v2/models/{model}/versions/{version}/infer".encode()

    async def send_some(self, request: InferRequest) -> list[float]:
        """Give the seconds that each took, sorted; raises NotAnswered.

        The first is not among them: it may find things unmade that the others find made.
        """
        loop = asyncio.get_running_loop()
        parts = self._encode(request)
        await self._send(parts)
        took_s: list[float] = []
        started_s = loop.time()
        while len(took_s) < _REQUESTS:
            began_s = loop.time()
            if len(took_s) >= _LEAST_REQUESTS and began_s - started_s > _MOST_S:
                break
            await self._send(parts)
            took_s.append(loop.time() - began_s)
        return sorted(took_s)

    async def send_one(self, request: InferRequest) -> None:
        """Send it once; raises NotAnswered."""
        await self._send(self._encode(request))

    def _encode(self, request: InferRequest) -> Sequence[bytes]:
        encoded = encode_for_triton(request)
        extra = b"Inference-Header-Content-Length: %d\r\n" % len(encoded.header)
        head = self._upstream.head(b"POST", self._path, encoded.length, extra)
        return [head, encoded.header, *map(bytes, encoded.data)]

    async def _send(self, parts: Sequence[bytes]) -> None:
        deadline_s = asyncio.get_running_loop().time() + _TIMEOUT_S
        try:
            answer = await self._upstream.call(parts, deadline_s)
        except (ConnectRefused, ConnectionLost, DeadlineExceeded) as error:
            raise NotAnswered(str(error)) from error
        if answer.status != _OK:
            raise NotAnswered(bytes(answer.body).decode(errors="replace"))


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Give the smallest of the values that at least this share of them does not exceed."""
    return sorted_values[max(0, -int(-len(sorted_values) * share // 1) - 1)]
