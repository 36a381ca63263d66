"""Triton's own Prometheus series, from its metrics address."""

import asyncio
from typing import Final

from control.triton.address import parse_address
from control.triton.upstream import ConnectionLost, ConnectRefused, Upstream

_TIMEOUT_S: Final = 1.0


class TritonSeries:
    """Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        """Read from ``url``; an empty one has no series."""
        self._upstream = Upstream(parse_address(url), max_idle=2) if url else None

    async def read(self) -> bytes:
        """Give the series as Triton writes them; nothing where it does not answer in time."""
        if self._upstream is None:
            return b""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer = await self._upstream.request("GET", "/metrics")
        except (ConnectRefused, ConnectionLost, TimeoutError):
            return b""
        return bytes(answer.body)

    async def read_text(self) -> str | None:
        """Give the same as text; None where there is nothing."""
        return (await self.read()).decode(errors="replace") or None
