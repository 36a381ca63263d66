"""The sole use of the scratch folder: a verification begins and ends with all in it killed."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class InUse(Exception):
    """Another verification has not ended yet."""


@contextlib.contextmanager
def sole_use(lock: Path) -> Iterator[int]:
    """Give a descriptor that stands for the sole use; raises InUse, or OSError.

    A process that inherits it has the sole use too, until it ends, whatever becomes of this one.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)  # not unlocked: that would hold for whoever has inherited it as well


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = "another verification has not ended yet"
        raise InUse(message) from error
