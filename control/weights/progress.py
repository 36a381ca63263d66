"""How the progress of a fetch is shown."""

from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class FetchProgress(Protocol):
    """Told of each download; one runs at a time."""

    def begin(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """Start or resume the bar of `name`."""
        ...

    def advance(self, count_bytes: int) -> None:
        """More bytes of the current download have come."""
        ...


class SilentProgress:
    """Shows nothing."""

    def begin(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """Show nothing."""

    def advance(self, count_bytes: int) -> None:
        """Show nothing."""


class RichProgress:
    """One bar per wheel on a terminal; use as a context manager around the fetch."""

    def __init__(self, console: Console | None = None) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._current: TaskID | None = None

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop drawing; finished bars stay on the screen."""
        self._bars.stop()

    def begin(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """Start the bar of `name`, or set it back to where its download resumes."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name)
        self._current = self._tasks[name]
        self._bars.update(self._current, completed=done_bytes, total=total_bytes)

    def advance(self, count_bytes: int) -> None:
        """Move the current bar."""
        if self._current is not None:
            self._bars.advance(self._current, count_bytes)
