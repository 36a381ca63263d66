"""Adding to a count that all workers share a limit of: announce, then sum, then withdraw if over.

A worker first adds the amount to its own count and only then, behind a fence, sums the counts of
all. Of any set of amounts that were let in, the one announced last has seen all the others, for
none of them was withdrawn, and its sum was within the limit: so the limit holds, however the steps
of the workers interleave. What may happen is that workers see each other's announcement and none
fits, though one alone would.

Nobody starves by that:

1. Whoever sees no room does not announce (the callers of this module look first), so callers that
   are over their limit disturb nobody.
2. Where announcements of one key collide, the worker with the lowest number lets its own stand and
   sums again while the others withdraw, so one of them is let in. Only a worker that the system
   stops within these few microseconds spoils that, for as long as it is stopped, and it takes away
   no more than the one amount that it has announced.
3. Nobody waits for anybody: an attempt ends after a bounded number of sums.

A large amount can be outrun by small ones, as in any limiter without a queue.
"""

from collections.abc import Callable
from typing import Final

from control.quotas.region_file import RegionFile

#: Words at the start of each region: the code of the key that its worker announces now, or 0.
HEADER_WORDS: Final = 8
_KEY: Final = 0

#: Sums before giving way to workers after us: some ten times what one of them needs to withdraw.
_SUMS: Final = 8


class Announcements:
    """Announces for one worker; one amount at a time, as event loops do."""

    def __init__(self, file: RegionFile) -> None:
        """Announce in our region of ``file``; what a dead predecessor announced is over."""
        self._file, self._words = file, file.words
        layout = file.layout
        self._places = [layout.start_of(one) + _KEY for one in range(layout.regions)]
        self._words[self._places[file.own]] = 0

    def add(self, code: int, place: int, amount: int, fits: Callable[[], bool]) -> bool:
        """Add ``amount`` to our count at ``place`` if the sum then ``fits``."""
        words, ours = self._words, self._places[self._file.own]
        words[ours] = code
        words[place] += amount
        self._file.fence()
        added = self._fits_in_the_end(code, fits)
        if not added:
            words[place] -= amount
        words[ours] = 0
        return added

    def _fits_in_the_end(self, code: int, fits: Callable[[], bool]) -> bool:
        if self._file.held == 1:
            return True  # alone: the look before was as good as a sum
        own = self._file.own
        quiet = False
        for _ in range(_SUMS):
            if fits():
                return True
            rivals = [
                region
                for region in range(self._file.held)
                if region != own and self._words[self._places[region]] == code
            ]
            # 1. Somebody before us announces too: it stays, we go.
            # 2. Nobody announced before that sum nor does now: the sum was true, we are over.
            # 3. Somebody after us announces, or did: it will have gone by the next sum.
            if (rivals and rivals[0] < own) or (quiet and not rivals):
                return False
            quiet = not rivals
        return False
