"""What the guards cost a small request: deadline, breaker, permit, tries, reuse, fallbacks.

`python -m benchmarks.guards` sends requests of 64 bytes through the gateway's pipeline, whose
Triton is a canned answer: once with nothing between contract and Triton, then with the guards as
they come by default, then with what a contract may ask for besides. No server, some 20 seconds.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.canned_pipeline import PipelineBench
from control.core.canary_policy import DEFAULT_CANARY
from control.core.protection import (
    DEFAULT_PROTECTION,
    CachePolicy,
    Fallback,
    FallbackKind,
    MemoryPolicy,
    Protection,
    RetryPolicy,
)
from control.core.routes import CanaryRoute

_DATA = bytes(64)
_ROUNDS = 9


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to be protected."""

    name: str
    protection: Protection = DEFAULT_PROTECTION
    bare: bool = False
    distinct: bool = False
    canary: CanaryRoute | None = None


_STATIC = Fallback(FallbackKind.STATIC)
_KINDS = (
    Kind("no guards", bare=True),
    Kind("guards as by default"),
    Kind("with a memory budget", Protection(memory=MemoryPolicy(1.0, budget_bytes=2**30))),
    Kind("with fallbacks and a deadline", Protection(deadline_s=1.0, fallbacks=(_STATIC,))),
    Kind("with a time for each try", Protection(retries=RetryPolicy(per_try_timeout_s=1.0))),
    Kind(
        "with hedging",
        Protection(retries=RetryPolicy(per_try_timeout_s=1.0, hedge_on_per_try_timeout=True)),
    ),
    Kind("deterministic, each new", Protection(deterministic=True), distinct=True),
    Kind("deterministic, from the cache", Protection(deterministic=True, cache=CachePolicy(60.0))),
    Kind("stable's, beside a canary", canary=CanaryRoute("one", 2, 1e-9, 0.0, DEFAULT_CANARY)),
    Kind("the canary's", canary=CanaryRoute("two", 2, 100.0, 0.0, DEFAULT_CANARY)),
)


def main() -> None:
    """Measure and print everything."""
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as directory:
        took_s = asyncio.run(_measure(_KINDS, Path(directory)))
    bare_s = took_s[0]
    print(f"{'a small request':34} {'whole':>10} {'guards':>10}")
    for kind, one_s in zip(_KINDS, took_s, strict=True):
        print(f"{kind.name:34} {one_s * 1e6:7.1f} us {(one_s - bare_s) * 1e6:+7.1f} us")


async def _measure(kinds: Sequence[Kind], directory: Path) -> list[float]:
    """Give the least time of each, all of them in turn: noise only ever adds."""
    benches = []
    for number, kind in enumerate(kinds):
        own = directory / str(number)
        own.mkdir()
        benches.append(
            PipelineBench(None, _DATA, own, kind.protection, bare=kind.bare, canary=kind.canary)
        )
    rounds = [
        [
            await bench.seconds(distinct=kind.distinct)
            for bench, kind in zip(benches, kinds, strict=True)
        ]
        for _ in range(_ROUNDS)
    ]
    return [min(column) for column in zip(*rounds, strict=True)]


if __name__ == "__main__":
    main()
