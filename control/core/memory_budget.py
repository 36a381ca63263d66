"""How much memory requests may take at once: what each is predicted to need, against what is free.

It counts and compares; who reads the limits, and what a refusal means, is decided elsewhere.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from control.core.protection import MemoryPolicy

#: The budget of what nothing bounds.
UNBOUNDED: Final = 2**62

#: A base that turns out too high goes down by this part of the difference at each reading: memory
#: that predictions did not foresee will be needed again by the next requests like those.
_FALL: Final = 0.1

_PERCENT: Final = 100.0


def predict_bytes(policy: MemoryPolicy, *, rows: int, input_bytes: int, tokens: int) -> int:
    """Predict what a request needs beyond the loaded model."""
    return math.ceil(
        policy.bytes_per_request
        + policy.bytes_per_row * rows
        + policy.bytes_per_input_byte * input_bytes
        + policy.bytes_per_token * tokens
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """A limit and what is used of it.

    ``reusable_bytes`` of the used belong to requests: they hold it, or processes keep it for the
    next ones, as most allocators do.
    """

    limit_bytes: int
    used_bytes: int
    reusable_bytes: int = 0


class MemoryPool:
    """One limit, and everybody whose requests count against it: a process's, a host's, a GPU's.

    What is used but by no request is the base. It goes up at once where processes use more than was
    ever predicted for their requests, and comes down slowly.
    """

    __slots__ = ("_base", "_least_base", "_limit", "hungry", "load", "room")

    def __init__(self, reading: Reading) -> None:
        """Begin with a first reading and no load."""
        self._limit = reading.limit_bytes
        self._base: float = max(0, reading.used_bytes - reading.reusable_bytes)
        self._least_base: float = self._base
        self.room: float = max(0.0, self._limit - self._base)
        #: What all members together count for.
        self.load = 0
        #: Members that were refused since they were last called.
        self.hungry: dict[Reservoir, None] = {}

    @property
    def best_room(self) -> float:
        """The most room that there has ever been, under the present limit."""
        return max(0.0, self._limit - self._least_base)

    def measure(self, reading: Reading) -> None:
        """Take a new reading, and call whoever was refused if there is more room than before."""
        base: float = max(0, reading.used_bytes - reading.reusable_bytes)
        self._least_base = min(self._least_base, base)
        if base < self._base:
            base = max(base, self._base - max(1.0, (self._base - base) * _FALL))
        before, self._limit, self._base = self.room, reading.limit_bytes, base
        self.room = max(0.0, self._limit - base)
        if self.room > before:
            _call(self.take_hungry())

    def take_hungry(self) -> tuple["Reservoir", ...]:
        """Give those who were refused, and forget that they were."""
        taken = tuple(self.hungry)
        self.hungry.clear()
        return taken


class _Share:
    """One version's part of one pool: it counts for what it has reserved, or keeps if more."""

    __slots__ = ("counts", "kept", "pool")

    def __init__(self, pool: MemoryPool) -> None:
        self.pool = pool
        self.kept = 0
        self.counts = 0

    def fits(self, reserved: int, part: float) -> bool:
        own = max(reserved, self.kept)
        return self.pool.load - self.counts + own <= self.pool.room * part

    def count(self, reserved: int) -> None:
        own = max(reserved, self.kept)
        self.pool.load += own - self.counts
        self.counts = own

    def leave(self) -> None:
        self.pool.load -= self.counts
        self.counts = 0


class Reservoir:
    """What one version's requests may reserve, in all pools that bound it or in none.

    With several gateway workers each has its part of everything. Where no pool is known and the
    policy names no budget, everything fits.
    """

    __slots__ = (
        *("_cap", "_listeners", "_part", "_peak", "_shares", "_workers"),
        *("policy", "reserved"),
    )

    def __init__(self, policy: MemoryPolicy, workers: int = 1) -> None:
        """Begin with no pools."""
        self._workers = workers
        self._shares: dict[MemoryPool, _Share] = {}
        self._listeners: list[Callable[[], None]] = []
        self._peak = 0
        self.reserved = 0
        self.obey(policy)

    def obey(self, policy: MemoryPolicy) -> None:
        """Follow another policy; what is reserved stays so."""
        self.policy = policy
        cap = UNBOUNDED if policy.budget_bytes is None else policy.budget_bytes
        self._cap = cap if cap == UNBOUNDED else cap // self._workers
        self._part = (1.0 - policy.headroom_percent / _PERCENT) / self._workers

    def bound_by(self, kept: Mapping[MemoryPool, int]) -> None:
        """Count against these pools and no others.

        ``kept`` is what the version's processes keep there for their own next requests.
        """
        for pool in [pool for pool in self._shares if pool not in kept]:
            self._shares.pop(pool).leave()
            pool.hungry.pop(self, None)
        for pool, amount in kept.items():
            share = self._shares.setdefault(pool, _Share(pool))
            share.kept = amount // self._workers
            share.count(self.reserved)

    @property
    def capacity(self) -> int:
        """What requests may reserve now in all, if no other version held anything."""
        return self._least_of(pool.room for pool in self._shares)

    def fits_ever(self, amount: int) -> bool:
        """Whether this could be reserved if nothing were in flight, at the best that has been."""
        return amount <= self._least_of(pool.best_room for pool in self._shares)

    def try_reserve(self, amount: int) -> bool:
        """Reserve in all pools, or in none where it does not fit now."""
        wanted = self.reserved + amount
        shares = self._shares.values()
        part = self._part
        if wanted > self._cap or not all(share.fits(wanted, part) for share in shares):
            for pool in self._shares:
                pool.hungry[self] = None
            return False
        self.reserved = wanted
        self._peak = max(self._peak, wanted)
        for share in shares:
            share.count(wanted)
        return True

    def release(self, amount: int) -> None:
        """Give back what ``try_reserve`` has reserved, and call whoever was refused meanwhile."""
        self.reserved -= amount
        woken: dict[Reservoir, None] = {self: None}
        for pool, share in self._shares.items():
            share.count(self.reserved)
            if pool.hungry:
                woken.update(dict.fromkeys(pool.take_hungry()))
        _call(woken)

    def on_release(self, callback: Callable[[], None]) -> None:
        """Call this after each own release, and when others or a reading have made room."""
        self._listeners.append(callback)

    def wake(self) -> None:
        """Say that it is worth trying again."""
        for listener in self._listeners:
            listener()

    def take_peak(self) -> int:
        """Give the most that has been reserved at once since the last time."""
        peak, self._peak = self._peak, self.reserved
        return peak

    def close(self) -> None:
        """Leave all pools and call nobody any more; what is in flight may still be released."""
        self.bound_by({})
        self._listeners.clear()

    def _least_of(self, rooms: Iterable[float]) -> int:
        least = min(rooms, default=None)
        return self._cap if least is None else min(self._cap, int(least * self._part))


def _call(reservoirs: Iterable[Reservoir]) -> None:
    for reservoir in reservoirs:
        reservoir.wake()
