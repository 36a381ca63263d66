"""Clients that run side by side, each on a thread of its own, until they are stopped."""

import threading
from types import TracebackType
from typing import Self

_JOIN_S = 90


class Crowd:
    """``count`` clients; each runs ``run_one`` with its number, which ends once ``stop`` is set."""

    def __init__(self, count: int) -> None:
        self.stop = threading.Event()
        self._threads = [threading.Thread(target=self.run_one, args=(n,)) for n in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(_JOIN_S)

    def run_one(self, number: int) -> None:
        """Be one client."""
        raise NotImplementedError
