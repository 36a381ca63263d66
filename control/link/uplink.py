"""The gateway's way up to the controller: takes an event now, or not at all."""

import asyncio
from typing import Final, Protocol

from control.link.publisher import FRAME

#: Events under way to a controller that reads slowly. Beyond, new ones are not taken.
_MAX_UNSENT_BYTES: Final = 1024 * 1024


class Uplink(Protocol):
    """Where events are offered."""

    @property
    def connections(self) -> int:
        """How many connections there have been: a new one leads to a controller without memory."""
        ...

    def offer(self, event: bytes) -> bool:
        """Take an event, or say that it is not taken."""
        ...


class LinkUplink:
    """Writes to the controller that the subscriber is connected to; nothing is ever queued.

    With no controller, or a slow one, events are not taken: whoever offers them must live with
    that, and traffic does.
    """

    def __init__(self) -> None:
        """Start without a connection."""
        self.connections = 0
        self._writer: asyncio.StreamWriter | None = None

    def attach(self, writer: asyncio.StreamWriter) -> None:
        """Use a new connection."""
        self._writer = writer
        self.connections += 1

    def detach(self) -> None:
        """Forget the connection, which is gone."""
        self._writer = None

    def offer(self, event: bytes) -> bool:
        """Take an event, or say that it is not taken."""
        writer = self._writer
        if writer is None or writer.is_closing():
            return False
        if writer.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            return False
        writer.writelines([FRAME.pack(len(event)), event])
        return True
