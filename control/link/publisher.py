"""The controller's end: gives every gateway the newest snapshot, and hears what each tells."""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from control.link.events import MAX_EVENT_BYTES, Report, SnapshotApplied, decode_event
from control.link.messages import SnapshotMessage, encode_snapshot
from control.observability.logs import get_logger

FRAME: Final = struct.Struct("<I")

_MAX_UNREAD_BYTES: Final = 32 * 1024 * 1024

_log = get_logger("link")


def _ignore(_event: Report) -> None:
    """Let an event pass unheard."""


class SnapshotPublisher:
    """Serves the link's socket; keeps the last snapshot for gateways that start alone."""

    def __init__(
        self, socket_path: Path, kept_at: Path, hear: Callable[[Report], None] = _ignore
    ) -> None:
        """Serve at ``socket_path`` once ``start`` is called; ``hear`` gets every gateway's reports.

        ``hear`` runs on the event loop and keeps nobody waiting.
        """
        self._socket_path = socket_path
        self._kept_at = kept_at
        self._hear = hear
        self._frame = b""
        self._gateways: dict[asyncio.StreamWriter, int] = {}
        self._progress = asyncio.Event()

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

    async def applied(self, revision: int, patience_s: float) -> bool:
        """Wait until every gateway decides by a revision; whether they do, after ``patience_s``."""
        try:
            async with asyncio.timeout(patience_s):
                while any(one < revision for one in self._gateways.values()):
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._gateways[writer] = 0
        try:
            if self._frame:
                writer.write(self._frame)
            await self._listen(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # it went, at the end of an event or within one
        finally:
            del self._gateways[writer]
            self._progress.set()
            with contextlib.suppress(OSError):
                writer.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = FRAME.unpack(await reader.readexactly(FRAME.size))
            if length > MAX_EVENT_BYTES:
                _log.warning("gateway_cut_off", event_bytes=length, limit=MAX_EVENT_BYTES)
                return
            data = await reader.readexactly(length)
            try:
                event = decode_event(data)
            except ValueError as error:
                _log.warning("event_ignored", reason=str(error))
                continue
            if isinstance(event, SnapshotApplied):
                self._gateways[writer] = event.revision
                self._progress.set()
            else:
                self._hear(event)
