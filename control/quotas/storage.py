"""A storage of the library `limits` over the windows that gateway workers share.

It serves the sliding-window-counter strategy, and no other. Counting needs no waiting, so its
coroutines never suspend. It has no URI: it needs this worker's region, so it is made directly.
"""

from typing import NoReturn

from limits.aio.storage import SlidingWindowCounterSupport, Storage

from control.quotas.key_slots import TableFull
from control.quotas.windows import SlidingWindows


class SharedStorage(Storage, SlidingWindowCounterSupport):
    """Counts in ``windows``; ``expiry`` is the window in seconds."""

    STORAGE_SCHEME = None

    def __init__(self, windows: SlidingWindows) -> None:
        """Raise StorageError where a key cannot be counted."""
        super().__init__(wrap_exceptions=True)
        self._windows = windows

    @property
    def base_exceptions(self) -> type[Exception]:
        """What to turn into StorageError."""
        return TableFull

    async def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count the amount if the limit allows it."""
        windows = self._windows
        return windows.take(windows.key(key), limit, expiry, amount)

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Give the count as the current window's, with the seconds until some of it has left.

        There is no previous window to weight: see ``windows`` for what is counted. For a window
        of one second they are that second: nobody tells them finer, and to look costs a third of
        what counting does.
        """
        windows = self._windows
        known = windows.key(key)
        used = windows.used(known, expiry)
        most_s = expiry - 1e-6  # for the strategy takes it modulo the window
        if used == 0 or expiry == 1:
            return 0, 0.0, used, most_s
        return 0, 0.0, used, min(windows.seconds_until_less(known, expiry, 1), most_s)

    async def room(self, key: str, limit: int, expiry: int, amount: int) -> tuple[int, float]:
        """Give what is counted, and the seconds until ``amount`` fits if nothing else comes.

        What is more than the whole limit never fits: then, until the window is empty.
        """
        windows = self._windows
        known = windows.key(key)
        used = windows.used(known, expiry)
        missing = used + min(amount, limit) - limit
        return used, windows.seconds_until_less(known, expiry, missing) if missing > 0 else 0.0

    async def check(self) -> bool:
        """Say that the storage works: it is memory."""
        return True

    async def incr(self, key: str, expiry: int, amount: int = 1) -> NoReturn:
        """Refuse: fixed windows are not kept."""
        raise NotImplementedError(_ONLY)

    async def get(self, key: str) -> NoReturn:
        """Refuse: fixed windows are not kept."""
        raise NotImplementedError(_ONLY)

    async def get_expiry(self, key: str) -> NoReturn:
        """Refuse: fixed windows are not kept."""
        raise NotImplementedError(_ONLY)

    async def reset(self) -> NoReturn:
        """Refuse: a worker writes only its own region."""
        raise NotImplementedError(_OWN)

    async def clear(self, key: str) -> NoReturn:
        """Refuse: a worker writes only its own region."""
        raise NotImplementedError(_OWN)

    async def clear_sliding_window(self, key: str, expiry: int) -> NoReturn:
        """Refuse: a worker writes only its own region."""
        raise NotImplementedError(_OWN)


_ONLY = "shared counters keep sliding windows only"
_OWN = "shared counters cannot be cleared by one worker; they are forgotten when their window ends"
