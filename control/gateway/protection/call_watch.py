"""Who is told how a call of Triton went, besides those who protect the version."""

from typing import Protocol

from control.core.outcome import Outcome
from control.core.snapshot import VersionView


class CallWatch(Protocol):
    """Hears of a call that got its place."""

    def ended(self, outcome: Outcome, duration_s: float) -> None:
        """Hear, once, what it came to, and how long that took from the place to the end."""
        ...

    def died(self) -> None:
        """Hear that the version's process died of a call that nobody waited for any more."""
        ...


def nobody_watches(_view: VersionView) -> CallWatch | None:
    """Watch no calls."""
    return None
