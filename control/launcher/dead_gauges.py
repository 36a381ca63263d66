"""Takes the gauges of processes that have died out of the files that all of ours share."""

import asyncio
from pathlib import Path


async def forget_dead_gauges(folder: Path) -> None:
    """Remove what is true only of a living process, as prometheus_client names its files."""
    await asyncio.to_thread(_forget, folder)


def _forget(folder: Path) -> None:
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if not Path("/proc", pid).exists():
            file.unlink(missing_ok=True)
