"""Bounded waiting for a condition inside an event loop."""

import asyncio
from collections.abc import Callable
from typing import Any


async def eventually(condition: Callable[[], Any], what: str, timeout_s: float = 20.0) -> Any:
    """Poll a condition until it is true; fail with its name after ``timeout_s``."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while loop.time() < deadline_s:
        value = condition()
        if value:
            return value
        await asyncio.sleep(0.005)
    message = f"not within {timeout_s:g} s: {what}"
    raise AssertionError(message)
