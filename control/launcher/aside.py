"""Looks at file systems that may hang: on threads that nobody waits for, not even at the end."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def within(timeout_s: float, look: Callable[[], T]) -> T:
    """Give what ``look`` gives, or raise what it raises; raises TimeoutError where it takes longer.

    It then goes on, so it must do no harm later.
    """
    # An executor's threads are waited for when the process ends: one that hangs would hold it.
    seen: Future[T] = Future()
    seen.set_running_or_notify_cancel()
    threading.Thread(target=_look, args=(look, seen), name="aside", daemon=True).start()
    async with asyncio.timeout(timeout_s):
        return await asyncio.wrap_future(seen)


def _look(look: Callable[[], T], seen: "Future[T]") -> None:
    try:
        seen.set_result(look())
    except Exception as error:  # noqa: BLE001 - whoever waits gets it
        seen.set_exception(error)
