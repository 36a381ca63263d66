"""What is laid down for gateways: by the store, the JWKS file, the operator token and rollouts."""

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Final

from control.core.access import Access, TokenRecord
from control.core.orders import Directives
from control.core.routes import NO_ROUTES, Routes
from control.errors import StateUnavailable
from control.identity.jwks_file import JwksFile
from control.observability.logs import get_logger
from control.state.store import StateStore

_POLL_S: Final = 0.25
#: The store is read anew now and then without being told: another controller may write to it too.
_REREAD_EVERY: Final = 40
_PATIENCE_S: Final = 2.0

_log = get_logger("directives")


class DirectiveSource:
    """Belongs to one event loop, except for ``take_effect`` and ``current``."""

    def __init__(
        self,
        store: StateStore,
        jwks: JwksFile,
        operator: TokenRecord | None,
        clock: Callable[[], float] = time.time,
        routes: Callable[[], Routes] = lambda: NO_ROUTES,
    ) -> None:
        """Gather from these; ``clock`` is the wall's. Nothing is read before ``load``.

        ``routes`` is called on a thread, each time.
        """
        self.jwks = jwks
        self.changed = asyncio.Event()
        self._store = store
        self._operator = operator
        self._clock = clock
        self._routes = routes
        self._current = Directives()
        self._listeners: list[Callable[[Access], None]] = []
        self._asked: list[threading.Event] = []
        self._sending: list[threading.Event] = []
        self._stale = True
        self._polls = 0

    def on_change(self, listener: Callable[[Access], None]) -> None:
        """Call ``listener`` with each new access."""
        self._listeners.append(listener)

    def current(self) -> Directives:
        """Give what holds now."""
        return self._current

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

    def poke(self) -> None:
        """Look again at once: where requests go has changed. Belongs to the event loop."""
        self.changed.set()

    async def next(self) -> Directives:
        """Wait until anything has changed, and give all of it.

        Asking again says that the last holds everywhere: those who wait for that go on.
        """
        _release(self._sending)
        while True:
            await self._wait()
            asked, self._asked = self._asked, []
            before = self._current
            with contextlib.suppress(StateUnavailable):  # it is logged; the next turn tries again
                await self._read()
            if self._current is not before:
                self._sending = asked
                return self._current
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
            found = await asyncio.to_thread(self._gather, stale)
        except StateUnavailable:
            self._stale = True
            raise
        before, self._current = self._current, found
        if found.access != before.access:
            for listener in self._listeners:
                listener(found.access)

    def _gather(self, stale: bool) -> Directives:
        """Give all as it is now, on a thread; what is known where nothing has changed."""
        self.jwks.poll()
        known = self._current
        found = self._kept() if stale else known
        access = dataclasses.replace(found.access, jwks=self.jwks.keys.document)
        found = dataclasses.replace(found, access=access, routes=self._routes())
        return known if found == known else found

    def _kept(self) -> Directives:
        found = self._store.load_directives(self._clock())
        if self._operator is None:
            return found
        tokens = {**found.access.tokens, self._operator.token_id: self._operator}
        return dataclasses.replace(found, access=dataclasses.replace(found.access, tokens=tokens))


def _release(waiting: list[threading.Event]) -> None:
    for one in waiting:
        one.set()
    waiting.clear()
