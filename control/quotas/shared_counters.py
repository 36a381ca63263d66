"""Puts together what one worker counts with all others: windows and requests in flight."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from control.quotas import in_flight, windows
from control.quotas.announcements import HEADER_WORDS, Announcements
from control.quotas.key_slots import KeySlots
from control.quotas.region_file import Layout, RegionFile

#: Keys of windows that one worker can count at once; a megabyte for a thousand, once used.
WINDOW_SLOTS: Final = 4096
#: Keys of requests in flight that one worker can count at once.
IN_FLIGHT_SLOTS: Final = 4096

_WINDOW_WORDS: Final = WINDOW_SLOTS * windows.SLOT_WORDS
_REGION_WORDS: Final = HEADER_WORDS + _WINDOW_WORDS + IN_FLIGHT_SLOTS * in_flight.SLOT_WORDS

#: Regions beyond the configured workers, for gateways that other servers run.
SPARE_REGIONS: Final = 8


class SharedCounters:
    """What one gateway worker counts together with all others on ``path``."""

    def __init__(
        self, path: Path, workers: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take a region of the file; raises CannotShare. ``clock`` is one for all processes."""
        layout = Layout(workers + SPARE_REGIONS, _REGION_WORDS)
        self.file = RegionFile(path, layout)
        announcements = Announcements(self.file)
        self.windows = windows.SlidingWindows(
            self.file,
            KeySlots(
                self.file,
                offset=HEADER_WORDS,
                slots=WINDOW_SLOTS,
                slot_words=windows.SLOT_WORDS,
            ),
            announcements,
            clock,
        )
        self.in_flight = in_flight.InFlight(
            self.file,
            KeySlots(
                self.file,
                offset=HEADER_WORDS + _WINDOW_WORDS,
                slots=IN_FLIGHT_SLOTS,
                slot_words=in_flight.SLOT_WORDS,
            ),
            announcements,
        )

    def close(self) -> None:
        """Give the region back."""
        self.file.close()
