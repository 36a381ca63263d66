"""One look at everything that bounds the memory of Triton's Python processes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from control.core.memory_budget import Reading
from control.memory.cgroups import read_cgroups
from control.memory.notes import MemoryNotes
from control.memory.processes import ProcessMemory, read_host, read_process
from control.triton.stubs import Stub, StubWatch

#: Model and version.
VersionKey = tuple[str, int]

_HOST: Final = "host"


@dataclass(slots=True)
class VersionReading:
    """What one version uses. ``kept``: by each pool's name, its requests' own part of that."""

    used_bytes: int = 0
    kept: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class MemoryReadings:
    """Pools by name, and which of them bound which version."""

    pools: dict[str, Reading] = field(default_factory=dict)
    versions: dict[VersionKey, VersionReading] = field(default_factory=dict)

    def add_shared(self, pool: str, reading: Reading, reusable: int) -> None:
        """Add a pool of many processes, one of which has ``reusable`` bytes in it."""
        known = self.pools.get(pool, reading)
        self.pools[pool] = replace(known, reusable_bytes=known.reusable_bytes + reusable)

    def add_own(self, pool: str, reading: Reading) -> None:
        """Add a process's own pool; of several processes of one version the tightest counts.

        Triton hands a request to any of them, or all requests to one.
        """
        known = self.pools.get(pool)
        if known is None or _room(reading) < _room(known):
            self.pools[pool] = reading

    def version(self, key: VersionKey) -> VersionReading:
        """Give the reading of a version, empty at first."""
        return self.versions.setdefault(key, VersionReading())


class StubMemory:
    """Reads the processes of one tritonserver. Belongs to one thread at a time."""

    def __init__(self, pid_file: Path, notes: MemoryNotes) -> None:
        """Find the server by its pid file."""
        self._pid_file = pid_file
        self._notes = notes
        self._watch = StubWatch()

    def read(self, peaks: Mapping[VersionKey, int]) -> MemoryReadings:
        """Look at the processes of these versions.

        ``peaks`` is what the requests of each were predicted to need at once, at most of late.
        """
        readings = MemoryReadings()
        serving = list(self._serving(list(peaks)))
        host = read_host() if serving else None
        names: set[str] = set()
        for stub, keys in serving:
            process = read_process(stub.pid)
            if process is None:
                continue
            peak = sum(peaks[key] for key in keys)
            name = f"{process.pid}-{process.start}"
            names |= {name, f"{name}-bounded"}
            self._add_own(readings, stub, keys, process, peak)
            shared = read_cgroups(process.pid) | ({_HOST: host} if host else {})
            reusable = self._notes.reusable(name, process.resident_bytes, peak)
            for key in keys:
                readings.version(key).used_bytes += process.resident_bytes
            for pool, reading in shared.items():
                readings.add_shared(pool, reading, reusable)
                for key in keys:
                    kept = readings.version(key).kept
                    kept[pool] = kept.get(pool, 0) + reusable
        self._notes.keep_only(names)
        return readings

    def _add_own(
        self,
        readings: MemoryReadings,
        stub: Stub,
        keys: Sequence[VersionKey],
        process: ProcessMemory,
        peak: int,
    ) -> None:
        bounded = process.bounded
        if bounded is None:
            return
        name = f"{process.pid}-{process.start}-bounded"
        reusable = self._notes.reusable(name, bounded.used_bytes, peak)
        pool = f"{stub.model}/{stub.version}"
        readings.add_own(pool, replace(bounded, reusable_bytes=reusable))
        for key in keys:
            readings.version(key).kept[pool] = 0  # nobody else's requests are in there

    def _serving(self, wanted: Sequence[VersionKey]) -> Iterator[tuple[Stub, list[VersionKey]]]:
        """Give the living processes with the versions that each may be of."""
        try:
            server_pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return  # no server on this machine, or none now
        for stub in self._watch.scan(server_pid):
            keys = [key for key in wanted if key[0] == stub.model and stub.version in {0, key[1]}]
            if keys and not stub.dead:
                yield stub, keys


def _room(reading: Reading) -> int:
    return reading.limit_bytes - reading.used_bytes + reading.reusable_bytes
