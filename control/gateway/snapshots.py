"""The snapshot that this gateway decides by."""

import asyncio
from collections.abc import Callable

from control.core.snapshot import Missing, NotReady, Snapshot, VersionView, choose_version
from control.errors import ModelNotFound, UpstreamUnavailable


class SnapshotHolder:
    """Holds the newest snapshot; swapping it is one assignment. Belongs to the event loop."""

    def __init__(self, first_timeout_s: float = 30.0) -> None:
        """Start empty: requests wait ``first_timeout_s`` at most for the first snapshot."""
        self._first_timeout_s = first_timeout_s
        self.current = Snapshot()
        self._first = asyncio.Event()
        self._listeners: list[Callable[[Snapshot], None]] = []

    @property
    def filled(self) -> bool:
        """Whether a snapshot has ever come."""
        return self._first.is_set()

    def on_change(self, listener: Callable[[Snapshot], None]) -> None:
        """Call ``listener`` with each new snapshot."""
        self._listeners.append(listener)

    def accept(self, snapshot: Snapshot) -> None:
        """Take a new snapshot."""
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
        """Choose the version for a request; raises ModelNotFound or UpstreamUnavailable.

        One that is not ready is given where its contract names fallbacks: they may answer.
        """
        match choose_version(self.current, model, version):
            case Missing(message):
                raise ModelNotFound(message)
            case NotReady(message, view):
                if view is not None and view.protection.fallbacks:
                    return view
                raise UpstreamUnavailable(message, retry_after_s=1)
            case view:
                return view

    def choose_ready(self, model: str, version: int | None) -> VersionView | None:
        """Choose the version that takes a request, or none where none is ready."""
        match choose_version(self.current, model, version):
            case VersionView() as view:
                return view
            case _:
                return None
