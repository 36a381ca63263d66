"""The memory that gateway workers share: one file, a region for each worker, no locks to wait for.

Each worker writes only its own region and reads all of them. A region is held by a lock of its
open file, which the kernel drops when the worker dies, however it dies; a successor then takes
the region over with all that is in it.

Every value is an aligned 64-bit word, written by one store: a reader sees the old or the new one.
"""

import fcntl
import mmap
import os
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WORD_BYTES: Final = 8
_PAGE_WORDS: Final = 512

#: Where the first page says how many regions were ever held; the lowest are taken first.
_HELD: Final = 0

#: Bytes of the file that stand for its locks: the one for taking regions, then one a region.
_TAKING: Final = 0

#: C's ``struct flock``, as fcntl(2) wants it for locks that belong to an open file.
_FLOCK: Final = struct.Struct("hhqqi4x")


class CannotShare(Exception):
    """The file of shared counters is another's, or has no region left for this process."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many regions there are, and how many words each has."""

    regions: int
    region_words: int

    @property
    def stride_words(self) -> int:
        """Words from one region to the next: whole pages, so that no two workers share one."""
        return -(-self.region_words // _PAGE_WORDS) * _PAGE_WORDS

    def start_of(self, region: int) -> int:
        """The first word of a region."""
        return _PAGE_WORDS + region * self.stride_words


class RegionFile:
    """This process's view of the file; ``own`` is the number of the region that it may write."""

    def __init__(self, path: Path, layout: Layout) -> None:
        """Map the file, make it if need be, and take a region; raises CannotShare."""
        self.layout = layout
        self.closed = False
        self._barrier = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(_TAKING, fcntl.F_OFD_SETLKW)
            self._map = self._map_file()
            self.words = memoryview(self._map).cast("Q")
            self.own = self._take_region()
            self._lock(_TAKING, fcntl.F_OFD_SETLK, fcntl.F_UNLCK)
        except BaseException:
            os.close(self._file)
            raise

    @property
    def held(self) -> int:
        """How many regions were ever held: those from this number on are empty."""
        return self.words[_HELD]

    def fence(self) -> None:
        """Make what was written before visible to all before anything after is read.

        A processor may otherwise read a neighbour's word while its own write still waits in its
        store buffer, and two workers would overlook each other. Taking a lock is the one full
        barrier that Python offers (POSIX.1-2017, General Concepts 4.12).
        """
        with self._barrier:
            pass

    def is_held(self, region: int) -> bool:
        """Whether a living process holds the region; one system call."""
        if region == self.own:
            return True
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 1 + region, 1, 0)
        answer = fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, asked)
        return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)

    def close(self) -> None:
        """Give the region back, once; what is in it stays."""
        if not self.closed:
            self.closed = True
            self.words.release()
            self._map.close()
            os.close(self._file)

    def _map_file(self) -> mmap.mmap:
        size = self.layout.start_of(self.layout.regions) * WORD_BYTES
        if os.fstat(self._file).st_size == 0:
            os.ftruncate(self._file, size)
        if os.fstat(self._file).st_size != size:  # never cut: others may have it mapped
            message = "the file of shared counters was made for another number of workers"
            raise CannotShare(message)
        return mmap.mmap(self._file, size)

    def _take_region(self) -> int:
        for region in range(self.layout.regions):
            try:
                self._lock(1 + region, fcntl.F_OFD_SETLK)
            except BlockingIOError:
                continue
            self._reserve(region)
            self.words[_HELD] = max(self.words[_HELD], region + 1)
            return region
        message = f"all {self.layout.regions} regions of the shared counters are held"
        raise CannotShare(message)

    def _reserve(self, region: int) -> None:
        """Give what we write its place on the disk: a full disk must not kill us later."""
        start, end = self.layout.start_of(region), self.layout.start_of(region + 1)
        os.posix_fallocate(self._file, 0, _PAGE_WORDS * WORD_BYTES)
        os.posix_fallocate(self._file, start * WORD_BYTES, (end - start) * WORD_BYTES)

    def _lock(self, offset: int, command: int, kind: int = fcntl.F_WRLCK) -> None:
        fcntl.fcntl(self._file, command, _FLOCK.pack(kind, os.SEEK_SET, offset, 1, 0))
