"""The snapshot that this gateway decides by, with what it has learned itself since."""

import asyncio
import time
from collections.abc import Callable

from control.core.snapshot import Missing, NotReady, Snapshot, VersionView, choose_version
from control.errors import ModelNotFound, UpstreamUnavailable

#: A version whose Python process was seen dead is tried again after this, unless the controller
#: reports it sooner: each try costs a second in Triton.
_DEAD_FOR_S = 5.0


class SnapshotHolder:
    """Holds the newest snapshot; swapping it is one assignment. Belongs to the event loop."""

    def __init__(self, first_timeout_s: float = 30.0) -> None:
        """Start empty: requests wait ``first_timeout_s`` at most for the first snapshot."""
        self._first_timeout_s = first_timeout_s
        self.current = Snapshot()
        self._first = asyncio.Event()
        self._dead_until_s: dict[tuple[str, int], float] = {}
        self._listeners: list[Callable[[Snapshot], None]] = []

    @property
    def filled(self) -> bool:
        """Whether a snapshot has ever come."""
        return self._first.is_set()

    def on_change(self, listener: Callable[[Snapshot], None]) -> None:
        """Call ``listener`` with each new snapshot."""
        self._listeners.append(listener)

    def accept(self, snapshot: Snapshot) -> None:
        """Take a new snapshot; what it says of versions is newer than what was seen here."""
        if snapshot.models != self.current.models:
            self._dead_until_s.clear()
        self.current = snapshot
        for listener in self._listeners:
            listener(snapshot)
        self._first.set()

    async def wait_first(self) -> None:
        """Wait until there is a snapshot; raises UpstreamUnavailable where none comes in time."""
        try:
            await asyncio.wait_for(self._first.wait(), self._first_timeout_s)
        except TimeoutError as error:
            message = "Seawall does not know Triton's models yet"
            raise UpstreamUnavailable(message, retry_after_s=1) from error

    def choose(self, model: str, version: int | None) -> VersionView:
        """Choose the version for a request; raises ModelNotFound or UpstreamUnavailable."""
        match choose_version(self.current, model, version):
            case Missing(message):
                raise ModelNotFound(message)
            case NotReady(message):
                raise UpstreamUnavailable(message, retry_after_s=1)
            case view:
                if self._dead_until_s and self.is_dead(view):
                    message = f"model '{model}' version {view.version}: its process has died"
                    raise UpstreamUnavailable(message, retry_after_s=1)
                return view

    def mark_dead(self, view: VersionView) -> None:
        """Remember that the version's Python process was seen dead."""
        self._dead_until_s[view.model, view.version] = time.monotonic() + _DEAD_FOR_S

    def is_dead(self, view: VersionView) -> bool:
        """Whether this gateway has seen the version's process dead just now."""
        return self._dead_until_s.get((view.model, view.version), 0.0) > time.monotonic()

    def is_ready(self, model: str, version: int | None) -> bool:
        """Whether a request for this would be sent to a live version."""
        match choose_version(self.current, model, version):
            case VersionView() as view:
                return not self.is_dead(view)
            case _:
                return False
