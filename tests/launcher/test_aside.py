"""Looking at what may hang."""

import asyncio
import threading

import pytest

from control.launcher.aside import within


async def test_a_look_gives_what_it_finds() -> None:
    """Its failure, too."""
    assert await within(10.0, lambda: 7) == 7

    def fail() -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        await within(10.0, fail)


async def test_a_look_that_hangs_holds_nobody() -> None:
    """Not even the end of the process: its thread is not waited for."""
    answers, looking = threading.Event(), threading.Event()
    threads = []

    def look() -> None:
        threads.append(threading.current_thread())
        looking.set()
        answers.wait(30)

    with pytest.raises(TimeoutError):
        await within(0.05, look)
    await asyncio.to_thread(looking.wait, 10)
    assert threads[0].daemon
    answers.set()
    await asyncio.to_thread(threads[0].join, 10)
