"""A few threads of its own for what may take long, or hang with a file system.

Whatever else is done on threads, such as commits and leases, never waits behind it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Lane:
    """Belongs to one event loop; its threads begin when they are needed."""

    def __init__(self, name: str, threads: int) -> None:
        """Do so many things at once; more wait for their turn."""
        self._threads = ThreadPoolExecutor(threads, name)

    async def do(self, act: Callable[[*Ts], T], *args: *Ts) -> T:
        """Have something done here, and give what it gives."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, act, *args)
