"""How far one request drives memory beyond the loaded model: in processes, and on GPUs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from control.memory.gpus import read_gpus
from control.memory.processes import read_resident, restart_peak

_POLL_S: Final = 0.002
#: Triton looks at its GPUs this often.
_GPU_INTERVAL_S: Final = 2.2


class ProcessMeter:
    """The peak of the processes that serve a version; a request runs in one of them."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Take what they hold now for the loaded model."""
        self._loaded = {pid: read_resident(pid)[0] for pid in pids}
        self._polled: dict[int, int] = {}

    @property
    def processes(self) -> int:
        """How many there are."""
        return len(self._loaded)

    @property
    def loaded_bytes(self) -> int:
        """What they hold when idle, the largest of them."""
        return max(self._loaded.values(), default=0)

    @property
    def alive(self) -> bool:
        """Whether all of them still run."""
        return all(read_resident(pid)[0] for pid in self._loaded)

    async def growth_during(self, work: Callable[[], Awaitable[None]]) -> int:
        """Do the work, and give the most that any process has grown by meanwhile."""
        self._polled = {}
        exact = all(restart_peak(pid) for pid in self._loaded)
        polling = None if exact else asyncio.create_task(self._poll())
        try:
            await work()
        finally:
            if polling is not None:
                polling.cancel()
        return max((self._peak(pid) - held for pid, held in self._loaded.items()), default=0)

    def _peak(self, pid: int) -> int:
        resident, peak = read_resident(pid)
        return max(self._polled.get(pid, 0), resident) if self._polled else peak

    async def _poll(self) -> None:
        """Look often, where the kernel may not be asked for the peak."""
        while True:
            for pid in self._loaded:
                seen = read_resident(pid)[0]
                self._polled[pid] = max(seen, self._polled.get(pid, 0))
            await asyncio.sleep(_POLL_S)


class GpuMeter:
    """GPU memory as Triton's metrics tell it.

    They come too seldom to see a peak; frameworks on GPUs keep what they have needed once, so what
    is held after a request is its peak.
    """

    def __init__(
        self, metrics: Callable[[], Awaitable[str]], interval_s: float = _GPU_INTERVAL_S
    ) -> None:
        """Read by ``metrics``."""
        self._metrics = metrics
        self._interval_s = interval_s
        self._loaded: dict[str, int] = {}

    async def start(self) -> bool:
        """Take what is held now for the loaded model; False where there is no GPU."""
        self._loaded = await self._used()
        return bool(self._loaded)

    async def growth(self) -> int:
        """Give how far the GPUs' memory has grown, the most of all; waits for a fresh reading."""
        await asyncio.sleep(self._interval_s)
        used = await self._used()
        return max((used.get(gpu, 0) - held for gpu, held in self._loaded.items()), default=0)

    async def _used(self) -> dict[str, int]:
        return {gpu: one.used_bytes for gpu, one in read_gpus(await self._metrics()).items()}
