"""What the comparison can send requests to: servers that it starts, or that run already."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """An IPv4 address and port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a Unix stream socket."""

    path: str


Address = TcpAddress | UnixAddress


class Target(Protocol):
    """A server under comparison; `start` returns when it is ready to infer."""

    @property
    def name(self) -> str:
        """The word for it in `--targets`, tables and results."""

    @property
    def address(self) -> Address:
        """Where it takes HTTP requests; valid before `start`."""

    def start(self) -> None:
        """Start it and wait until it is ready; raise `TargetFailed` if it is not in time."""

    def stop(self) -> None:
        """End it; does nothing when it does not run."""

    def cpu_s(self) -> float:
        """CPU seconds its processes have used so far; 0 where they are not ours to see."""


class TargetFailed(Exception):
    """A target did not start, or did not answer as it must."""
