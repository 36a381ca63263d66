"""What gateways decide access by: gathered from the store, the JWKS file and the operator token."""

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Final

from control.core.access import Access, TokenRecord
from control.errors import StateUnavailable
from control.identity.jwks_file import JwksFile
from control.observability.logs import get_logger
from control.state.store import StateStore

_POLL_S: Final = 0.25
#: The store is read anew now and then without being told: another controller may write to it too.
_REREAD_EVERY: Final = 40
_PATIENCE_S: Final = 2.0

_log = get_logger("access")


class AccessSource:
    """Belongs to one event loop, except for ``take_effect`` and ``current``."""

    def __init__(
        self,
        store: StateStore,
        jwks: JwksFile,
        operator: TokenRecord | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Gather from these; ``clock`` is the wall's. Nothing is read before ``load``."""
        self.jwks = jwks
        self.changed = asyncio.Event()
        self._store = store
        self._operator = operator
        self._clock = clock
        self._access = Access()
        self._listeners: list[Callable[[Access], None]] = []
        self._asked: list[threading.Event] = []
        self._sending: list[threading.Event] = []
        self._stale = True
        self._polls = 0

    def on_change(self, listener: Callable[[Access], None]) -> None:
        """Call ``listener`` with each new access."""
        self._listeners.append(listener)

    def current(self) -> Access:
        """Give what holds now."""
        return self._access

    async def load(self) -> None:
        """Read everything for the first time; raises StateUnavailable."""
        self._loop = asyncio.get_running_loop()
        await self._read()

    def take_effect(self) -> None:
        """Let a change of the store hold: called on other threads, returns once it does.

        Where that takes too long the caller goes on; the change follows as soon as it can.
        """
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._ask, done)
        if not done.wait(_PATIENCE_S):
            _log.warning("change_not_everywhere_yet", after_s=_PATIENCE_S)

    async def next(self) -> Access:
        """Wait until access has changed, and give it.

        Asking again says that the last holds everywhere: those who wait for that go on.
        """
        _release(self._sending)
        while True:
            await self._wait()
            asked, self._asked = self._asked, []
            before = self._access
            with contextlib.suppress(StateUnavailable):  # it is logged; the next turn tries again
                await self._read()
            if self._access is not before:
                self._sending = asked
                return self._access
            _release(asked)

    def _ask(self, done: threading.Event) -> None:
        self._asked.append(done)
        self._stale = True
        self.changed.set()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.changed.wait(), _POLL_S)
        self.changed.clear()
        self._polls += 1
        self._stale |= self._polls % _REREAD_EVERY == 0

    async def _read(self) -> None:
        stale, self._stale = self._stale, False
        try:
            access = await asyncio.to_thread(self._gather, stale)
        except StateUnavailable:
            self._stale = True
            raise
        if access is not self._access:
            self._access = access
            for listener in self._listeners:
                listener(access)

    def _gather(self, stale: bool) -> Access:
        """Give the access as it is now, on a thread; the one that is known where it is the same."""
        self.jwks.poll()
        jwks = self.jwks.keys.document
        if stale:
            tokens, tenants = self._store.load_access(self._clock())
            if self._operator is not None:
                tokens[self._operator.token_id] = self._operator
            access = Access(tokens, tenants, jwks)
        else:
            access = dataclasses.replace(self._access, jwks=jwks)
        return self._access if access == self._access else access


def _release(waiting: list[threading.Event]) -> None:
    for one in waiting:
        one.set()
    waiting.clear()
