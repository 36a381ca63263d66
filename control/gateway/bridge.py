"""Lets Flask's threads call the gateway's event loop and wait for the outcome."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Bridge:
    """Belongs to one event loop, which runs in another thread than the callers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run coroutines on ``loop``."""
        self._loop = loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the loop and give the result, or raise what it raised."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
