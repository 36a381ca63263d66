"""What a request asks of its version's admission, and what it gets: one place, to be given back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from control.core.outcome import Outcome
from control.core.protection import Priority


@dataclass(slots=True)
class Ask:
    """One request for a place; ``deadline_s`` is on the monotonic clock."""

    tenant: str
    priority: Priority
    deadline_s: float
    memory_bytes: int = 0


class Reservoir(Protocol):
    """Memory that requests reserve a part of."""

    @property
    def capacity(self) -> int:
        """What can be reserved in all."""
        ...

    def fits_ever(self, amount: int) -> bool:
        """Whether so much could be reserved if nothing else were."""
        ...

    def try_reserve(self, amount: int) -> bool:
        """Reserve it if it is there."""
        ...

    def release(self, amount: int) -> None:
        """Give it back."""
        ...

    def on_release(self, callback: Callable[[], None]) -> None:
        """Call this whenever there may be more than before."""
        ...


class Giver(Protocol):
    """Who gives permits."""

    def take_back(self, permit: "Permit", outcome: Outcome) -> None:
        """Hear, once, that the call of this permit has ended."""
        ...


class Permit:
    """One place among the requests in flight, with its memory; somebody must end it."""

    __slots__ = ("_giver", "memory_bytes", "reservoir", "started_s")

    def __init__(
        self, giver: Giver, started_s: float, memory_bytes: int, reservoir: Reservoir | None
    ) -> None:
        """Belong to ``giver``."""
        self._giver: Giver | None = giver
        self.started_s = started_s
        self.memory_bytes = memory_bytes
        self.reservoir = reservoir

    def end(self, outcome: Outcome) -> None:
        """Give the place back; only the first call has an effect."""
        giver = self._giver
        if giver is not None:
            self._giver = None
            giver.take_back(self, outcome)
