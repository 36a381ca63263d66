"""The gateway's end: holds the newest snapshot and goes on with it when the controller is gone."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from control.core.snapshot import Snapshot
from control.link.events import SnapshotApplied, encode_event
from control.link.publisher import FRAME
from control.link.uplink import LinkUplink
from control.observability.logs import get_logger

_RECONNECT_S: Final = 0.2
_log = get_logger("link")


class SnapshotSubscriber:
    """Calls ``accept`` with every snapshot, in order of arrival."""

    def __init__(
        self,
        socket_path: Path,
        kept_at: Path,
        decode: Callable[[bytes], Snapshot],
        accept: Callable[[Snapshot], None],
    ) -> None:
        """Read from ``socket_path``; start from the file ``kept_at`` where there is one.

        ``decode`` runs on a thread and raises ValueError on what is no snapshot.
        """
        self._socket_path = socket_path
        self._kept_at = kept_at
        self._decode = decode
        self._accept = accept
        self.uplink = LinkUplink()

    def load_kept(self) -> None:
        """Accept the last snapshot that a controller left, if it left one."""
        try:
            self._accept(self._decode(self._kept_at.read_bytes()))
        except FileNotFoundError:
            return
        except ValueError as error:
            _log.warning("kept_snapshot_ignored", reason=str(error))

    async def run(self) -> None:
        """Follow the controller for ever; reconnect whenever the link breaks."""
        connected = False
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._socket_path))
            except OSError:
                if connected:
                    _log.warning("controller_gone", effect="going on with the last snapshot")
                connected = False
                await asyncio.sleep(_RECONNECT_S)
                continue
            if not connected:
                _log.info("following_controller")
            connected = True
            self.uplink.attach(writer)
            try:
                await self._follow(reader)
            except (asyncio.IncompleteReadError, OSError, ValueError) as error:
                _log.warning("link_broken", reason=str(error))
            finally:
                self.uplink.detach()
                writer.close()
            await asyncio.sleep(_RECONNECT_S)

    async def _follow(self, reader: asyncio.StreamReader) -> None:
        while True:
            (length,) = FRAME.unpack(await reader.readexactly(FRAME.size))
            data = await reader.readexactly(length)
            snapshot = await asyncio.to_thread(self._decode, data)
            self._accept(snapshot)
            self.uplink.offer(encode_event(SnapshotApplied(snapshot.revision)))
