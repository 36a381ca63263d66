"""GPU memory as Triton's metrics tell it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from control.core.memory_budget import Reading
from control.memory.notes import MemoryNotes
from control.memory.readings import MemoryReadings, VersionKey

_LINE: Final = re.compile(
    r'^nv_gpu_memory_(?P<what>total|used)_bytes\{[^}]*gpu_uuid="(?P<gpu>[\w.-]+)"[^}]*\}'
    r" (?P<value>[0-9.e+]+)$",
    re.MULTILINE,
)


def read_gpus(metrics: str) -> dict[str, Reading]:
    """Give each GPU's memory by its name; empty where Triton sees none."""
    found: dict[str, dict[str, int]] = {}
    for line in _LINE.finditer(metrics):
        found.setdefault(line["gpu"], {})[line["what"]] = int(float(line["value"]))
    return {
        gpu: Reading(one["total"], one["used"])
        for gpu, one in found.items()
        if one.get("total") and "used" in one
    }


class GpuMemory:
    """Bounds every version by every GPU: nobody says whose processes use which."""

    def __init__(self, notes: MemoryNotes) -> None:
        """Tell apart by ``notes`` what requests use."""
        self._notes = notes

    def read(self, metrics: str, peaks: Mapping[VersionKey, int]) -> MemoryReadings:
        """Look at the GPUs for these versions; ``peaks`` as for processes."""
        readings = MemoryReadings()
        peak = sum(peaks.values())
        for gpu, reading in read_gpus(metrics).items():
            reusable = self._notes.reusable(gpu, reading.used_bytes, peak)
            readings.pools[gpu] = replace(reading, reusable_bytes=reusable)
            for key in peaks:
                version = readings.version(key)
                version.used_bytes += reading.used_bytes
                version.kept[gpu] = 0  # not told apart from what others keep
        return readings
