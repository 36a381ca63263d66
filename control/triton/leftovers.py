"""Ends what servers leave behind: stubs that have got out of the session that ends with them."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.02
_TIMEOUT_S: Final = 5.0


def end_leftovers(mark: str) -> None:
    """Kill processes whose command line has ``mark``, and wait until they are gone.

    A tritonserver and its stubs have the names of their shared memory there.
    """
    deadline_s = time.monotonic() + _TIMEOUT_S
    while (left := _marked(mark.encode())) and time.monotonic() < deadline_s:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def _marked(mark: bytes) -> list[int]:
    # One in another container may be named alike, after a folder of the same path.
    ours = Path("/proc/self/ns/mnt").readlink()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            has_mark = mark in (folder / "cmdline").read_bytes()
            if has_mark and (folder / "ns/mnt").readlink() == ours:
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]
