"""What is shown of the way to a Triton: of the main one in the metrics, of others nowhere."""

from typing import Protocol


class Gauge(Protocol):
    """A number that goes up and down."""

    def set(self, value: float) -> None:
        """Be this."""
        ...

    def inc(self, amount: float = 1) -> None:
        """Be more."""
        ...

    def dec(self, amount: float = 1) -> None:
        """Be less."""
        ...


class Counter(Protocol):
    """A number that only grows."""

    def inc(self, amount: float = 1) -> None:
        """Be more."""
        ...


class UpstreamSeries(Protocol):
    """The series of one Triton."""

    @property
    def upstream_up(self) -> Gauge:
        """1 while it takes calls."""
        ...

    @property
    def held(self) -> Gauge:
        """Requests that wait for it."""
        ...

    @property
    def replays(self) -> Counter:
        """Requests sent again because it died."""
        ...


class _Nothing:
    def set(self, value: float) -> None:
        pass

    def inc(self, amount: float = 1) -> None:
        pass

    def dec(self, amount: float = 1) -> None:
        pass


class UnseenSeries:
    """Shows nothing. Satisfies UpstreamSeries."""

    upstream_up = held = replays = _Nothing()
