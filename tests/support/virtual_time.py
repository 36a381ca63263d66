"""An event loop whose time jumps to the next timer as soon as nobody has anything to do."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Passes time instead of waiting for it."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Give what is ready; if nothing is, jump. Without a timer, nothing would ever come."""
        found = super().select(0)
        if not found:
            assert timeout is not None, "everybody waits, and nobody will come"
            self.now_s += max(timeout, 0.0)
        return found


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Starts at 0 seconds."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the start."""
        return self._jumping.now_s


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in no time; fail where the loop would have complained."""
    complaints: list[Any] = []
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        result = runner.run(work)
    assert complaints == []
    return result
