"""The controller's end: gives every gateway the newest snapshot, at once and on each change."""

import asyncio
import contextlib
import struct
from pathlib import Path
from typing import Final

from control.link.messages import SnapshotMessage, encode_snapshot

FRAME: Final = struct.Struct("<I")

_MAX_UNREAD_BYTES: Final = 32 * 1024 * 1024


class SnapshotPublisher:
    """Serves the link's socket; keeps the last snapshot for gateways that start alone."""

    def __init__(self, socket_path: Path, kept_at: Path) -> None:
        """Serve at ``socket_path`` once ``start`` is called."""
        self._socket_path = socket_path
        self._kept_at = kept_at
        self._frame = b""
        self._gateways: set[asyncio.StreamWriter] = set()

    @property
    def gateway_count(self) -> int:
        """How many gateways are connected."""
        return len(self._gateways)

    async def start(self) -> None:
        """Listen; a socket file that an earlier controller left is replaced."""
        self._socket_path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._welcome, str(self._socket_path))

    def publish(self, message: SnapshotMessage) -> None:
        """Send the snapshot to every gateway and keep it on disk."""
        data = encode_snapshot(message)
        self._frame = FRAME.pack(len(data)) + data
        for gateway in list(self._gateways):
            if gateway.transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
                gateway.transport.abort()  # it reads nothing; when it lives again it comes back
            else:
                gateway.write(self._frame)
        draft = self._kept_at.with_suffix(".draft")
        draft.write_bytes(data)
        draft.replace(self._kept_at)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._gateways.add(writer)
        try:
            if self._frame:
                writer.write(self._frame)
            await reader.read()  # a gateway says nothing: this ends when it goes
        finally:
            self._gateways.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()
