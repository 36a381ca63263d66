"""Keeps a loop going: what fails in it is logged, and does not end it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from control.observability.logs import get_logger

#: A loop that fails pauses for so long; for twice as long each time that it fails again.
_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0

_log = get_logger("controller")


async def run_for_ever(
    loop: str,
    tick: Callable[[], Awaitable[object] | None],
    interval_s: float,
    wake: asyncio.Event | None = None,
) -> None:
    """Tick every ``interval_s``, or when woken, until this task is cancelled.

    The task alone: that something which a tick waits for has been cancelled is a failure as any
    other, and would end the loop without a word.
    """
    pause_s = _PAUSE_S
    while True:
        try:
            waiting = tick()
            if waiting is not None:
                await waiting
        except (Exception, asyncio.CancelledError) as error:
            if _is_cancelled():
                raise
            _log.error("loop_failed", loop=loop, again_in_s=pause_s, exc_info=error)
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
        else:
            pause_s = _PAUSE_S
            await _pause(interval_s, wake)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _pause(interval_s: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(interval_s)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(interval_s):
            await wake.wait()
    wake.clear()
