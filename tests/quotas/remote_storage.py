"""A storage of `limits` elsewhere that can be out of reach, or slow for ever."""

import asyncio

from limits.aio.storage import MemoryStorage


class Unreachable(Exception):
    """What this storage's client raises."""


class RemoteStorage(MemoryStorage):
    """Keeps counts in this process; ``trouble`` is what befalls it."""

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__(wrap_exceptions=True)
        self.trouble = ""
        self.calls = 0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What to turn into StorageError."""
        return Unreachable

    async def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count, fail, or never answer."""
        self.calls += 1
        if self.trouble == "unreachable":
            message = "no route to host"
            raise Unreachable(message)
        if self.trouble == "silent":
            await asyncio.Event().wait()
        return await super().acquire_sliding_window_entry(key, limit, expiry, amount)
