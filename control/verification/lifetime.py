"""How long a verification and what it has started may live."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36
_LIBC: Final = ctypes.CDLL(None)
_POLL_S: Final = 0.5
#: Ends a whole process group when its input ends without a word: its writer is dead.
_GUARD: Final = 'read -r _ || kill -s KILL -- "-$0"'


def adopt_orphans() -> None:
    """Become the parent of what a server leaves behind, so that nothing gets out of sight."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


async def parent_gone(parent: int) -> None:
    """Wait until this process is another's child."""
    while os.getppid() == parent:
        await asyncio.sleep(_POLL_S)


@contextlib.contextmanager
def guarded(group: int) -> Iterator[None]:
    """Have a process group killed if this process dies in between, however it dies."""
    guard = subprocess.Popen(  # noqa: S603 - a number is all that varies
        ["/bin/sh", "-c", _GUARD, str(group)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            guard.communicate(b"done\n")


def end_group(group: int) -> None:
    """Kill a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_children() -> None:
    """Kill every child of this process, adopted ones included, and bury them."""
    while True:
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    found: list[int] = []
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, file.read_text().split())
    return found
