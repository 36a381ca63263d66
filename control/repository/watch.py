"""Watches the source repository: what has been dropped there, and whether it is complete.

Looks are the truth, and are taken at intervals anyway; notices from the kernel only make them
come sooner, and tell what was renamed in as a whole.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from control.config import RepositorySettings
from control.lane import Lane
from control.observability.logs import get_logger
from control.repository.config_faults import ConfigFaults
from control.repository.drops import Drop, DropBook, Key, ModelFiles
from control.repository.notices import FolderNotices, open_notices
from control.repository.reading import ContentReader, Reading, Unreadable
from control.repository.scan import Look, RepositoryUnseen, look_at
from control.repository.tree import Tree

#: Notices come in crowds: a look waits a moment for the rest of them.
_CROWD_S: Final = 0.02
#: Looking takes a fifth of a processor at most, however many files there are.
_REST_FOR_LOOK: Final = 4.0
#: A look that takes longer than this shows that the file system hangs.
_PATIENCE_S: Final = 30.0
_LONGEST_REST_S: Final = 10.0

_log = get_logger("repository")


class RepositoryWatch:
    """Sets ``changed`` whenever what it shows has changed; who waits for that clears it."""

    def __init__(
        self,
        source: Path,
        settings: RepositorySettings,
        listen: Callable[[], FolderNotices | None] = open_notices,
    ) -> None:
        """Watch ``source``; without notices, by looking alone."""
        self.changed = asyncio.Event()
        self._source = source
        self._settings = settings
        self._listen = listen
        self._lane = Lane("watch", 2)  # one that looks, one that reads
        self._notices: FolderNotices | None = None
        self._noticed = asyncio.Event()
        self._book = DropBook(source, settings.settle_s)
        self._configs = ConfigFaults()
        self._reader = ContentReader()
        self._reading: asyncio.Task[None] | None = None
        self._is_seen = False
        self._unseen = ""
        self._told: set[str] = set()

    def drops(self) -> Mapping[Key, Drop] | None:
        """Give every version's folder; None while the repository cannot be seen.

        That a version is not in it means that its folder is gone.
        """
        return self._book.drops() if self._is_seen else None

    def models(self) -> Mapping[str, ModelFiles] | None:
        """Give every model's own files; None while the repository cannot be seen."""
        return self._book.model_files() if self._is_seen else None

    async def run(self) -> None:
        """Look until something fails that should not; nothing is shown then until it runs again."""
        self._notices = await self._lane.do(self._listen)
        look: asyncio.Task[None] | None = None
        try:
            while True:
                began_s = time.monotonic()
                look = asyncio.create_task(self._look())
                await self._wait_for(look)
                self._read_next()
                await self._rest(time.monotonic() - began_s)
        finally:
            self._stop(look)

    async def _wait_for(self, look: "asyncio.Task[None]") -> None:
        """Wait for a look; one that hangs shows nothing, rather than what was there before."""
        done, _ = await asyncio.wait({look}, timeout=_PATIENCE_S)
        if not done:
            self._show_nothing("it does not answer")
        await look

    async def _look(self) -> None:
        self._noticed.clear()
        began_s = time.monotonic()
        try:
            look, renamed = await self._lane.do(self._look_blocking)
        except RepositoryUnseen as error:
            self._show_nothing(str(error))
            return
        finally:
            self._await_notices()
        before = (self.drops(), self.models())
        self._book.take(look, renamed, began_s=began_s, ended_s=time.monotonic())
        self._tell(look)
        self._is_seen = True
        if before != (self.drops(), self.models()):
            self.changed.set()

    def _look_blocking(self) -> tuple[Look, set[Path]]:
        """Take the notices before the look, so that none of them is older than what it shows."""
        renamed = self._notices.take_renamed() if self._notices else set()
        try:
            look = look_at(self._source)
        except RepositoryUnseen:
            if self._notices:
                self._notices.follow([self._source])
            raise
        if self._notices:
            self._notices.follow(look.folders)
        self._configs.find(look)
        return look, renamed

    def _show_nothing(self, reason: str) -> None:
        if reason != self._unseen:
            self._unseen = reason
            _log.error("repository_unseen", reason=reason, effect="what is served stays")
        if self._is_seen:
            self._is_seen = False
            self.changed.set()

    def _tell(self, look: Look) -> None:
        """Say once what is in the way of a model or a version."""
        for model in sorted(look.unreadable.keys() - self._told):
            _log.error(
                "model_unreadable",
                model=model,
                reason=look.unreadable[model],
                effect="what is known of it stays",
            )
        for folder in sorted(look.misnamed.keys() - self._told):
            _log.warning("folder_ignored", folder=folder, reason=look.misnamed[folder])
        self._told = {*look.unreadable, *look.misnamed}
        if not self._is_seen:
            self._unseen = ""
            _log.info("repository_seen", models=len(look.models))

    def _read_next(self) -> None:
        """Begin to read the content of one version, if no other is being read."""
        if self._reading is not None and not self._reading.done():
            return
        chosen = self._book.next_unread(time.monotonic())
        if chosen is not None:
            self._reading = asyncio.create_task(self._read(*chosen))

    async def _read(self, key: Key, tree: Tree) -> None:
        model, version = key
        folder = self._source / model / str(version)
        try:
            reading = await self._lane.do(
                self._read_blocking, folder, tree, list(self._book.trees())
            )
        except Unreadable as error:
            if self._book.take_failure(key, tree, str(error)):
                _log.warning("unreadable", model=model, version=version, reason=str(error))
                self._noticed.set()  # others are next; this one is tried again as looks are taken
            return
        if reading is not None:
            self._book.take_reading(key, reading)
            self._noticed.set()

    def _read_blocking(self, folder: Path, tree: Tree, present: list[Tree]) -> Reading | None:
        self._reader.forget_others(present)  # may take long, too: there may be many files
        return self._reader.read(folder, tree)

    async def _rest(self, took_s: float) -> None:
        """Wait until another look is worth while."""
        patience_s = min(self._settings.poll_s, self._book.due_in_s(time.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._noticed.wait()
        await asyncio.sleep(min(_LONGEST_REST_S, max(_CROWD_S, _REST_FOR_LOOK * took_s)))

    def _await_notices(self) -> None:
        if self._notices is not None:
            asyncio.get_running_loop().add_reader(self._notices.fileno(), self._hear)

    def _hear(self) -> None:
        self._ignore_notices()  # until they are taken: they would be told again and again
        self._noticed.set()

    def _ignore_notices(self) -> None:
        if self._notices is not None:
            asyncio.get_running_loop().remove_reader(self._notices.fileno())

    def _stop(self, look: "asyncio.Task[None] | None") -> None:
        self._is_seen = False
        if self._reading is not None:
            self._reading.cancel()
        self._ignore_notices()
        notices, self._notices = self._notices, None
        if notices is None:
            return
        if look is None or look.done():
            notices.close()
        else:
            look.add_done_callback(lambda _: notices.close())
