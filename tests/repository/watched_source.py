"""A source repository with a watch on it, and what the watch shows."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from control.config import RepositorySettings
from control.core.rollout_facts import DropState
from control.repository.drops import Drop
from control.repository.notices import open_notices
from control.repository.watch import RepositoryWatch
from tests.support.polls import eventually

SETTLE_S = 0.6
#: A look every now and then is all that a network file system allows.
POLL_S = 0.05
#: No look but those that notices ask for, or that something is due for.
NEVER_S = 3600.0

WRITING, COMPLETE, BROKEN = DropState.WRITING, DropState.COMPLETE, DropState.BROKEN


class Scene:
    """A source with one model and one version that has settled, and a watch on it."""

    def __init__(self, directory: Path, watch: RepositoryWatch) -> None:
        self.source = directory / "source"
        self.elsewhere = directory / "elsewhere"
        self.watch = watch

    def drop(self, version: int, model: str = "m") -> Drop | None:
        """What is shown of a version."""
        return (self.watch.drops() or {}).get((model, version))

    def state(self, version: int, model: str = "m") -> DropState | None:
        """What state a version is in."""
        drop = self.drop(version, model)
        return drop.state if drop else None

    async def becomes(self, state: DropState | None, version: int, model: str = "m") -> float:
        """Wait for a version's state; gives how long that took."""
        began_s = time.monotonic()
        await eventually(lambda: self.state(version, model) is state, f"{version} is {state}")
        return time.monotonic() - began_s


@contextlib.asynccontextmanager
async def watching(source: Path, *, with_notices: bool, poll_s: float) -> AsyncIterator[Scene]:
    """Watch until the end."""
    settings = RepositorySettings(settle_s=SETTLE_S, poll_s=poll_s)
    watch = RepositoryWatch(source, settings, open_notices if with_notices else lambda: None)
    running = asyncio.create_task(watch.run())
    try:
        yield Scene(source.parent, watch)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
