"""Writes what was measured as tables."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.rollouts.scenes import Bad, Good, medians

PAGE: Final = Path("docs/rollouts-measured.md")
_MS: Final = 1000.0

_HEAD: Final = """\
# Rollouts, measured

By `python -m benchmarks.rollouts --write-docs`: the real tritonserver, real clients (one in five
an unmodified `tritonclient`) with 50 requests a second in all, everything on one machine{machine}.
Every answer is checked; *failed* counts each that was no 200 or not right.
"""
_BAD_HEAD: Final = (
    "version 2",
    "rolled back",
    "first failure to decision",
    "decision to last canary answer",
    "decision to durable",
    "answered by stable instead",
    "requests",
    "failed",
)
_DECISION: Final = "Times are medians, with the greatest in brackets.\n"


def bad_table(runs: Sequence[Bad]) -> str:
    """Versions that are bad only in traffic, by kind."""
    rows = []
    for kind in dict.fromkeys(one.kind for one in runs):
        of_kind = [one for one in runs if one.kind == kind]
        decided = medians([one.decided_s for one in of_kind])
        to_zero = medians([one.to_zero_s * _MS for one in of_kind])
        durable = medians([one.durable_s * _MS for one in of_kind])
        rolled_back = sum(one.end == "rolled_back" for one in of_kind)
        rows.append(
            [
                kind.replace("_", " "),
                f"{rolled_back} of {len(of_kind)}",
                f"{decided[0]:.1f} s ({decided[1]:.1f} s)",
                f"{to_zero[0]:.0f} ms ({to_zero[1]:.0f} ms)",
                f"{durable[0]:.0f} ms ({durable[1]:.0f} ms)",
                sum(one.rerouted for one in of_kind),
                sum(one.requests for one in of_kind),
                sum(one.failed for one in of_kind),
            ]
        )
    return _table(_BAD_HEAD, rows)


def good_table(good: Good) -> str:
    """One good version, phase by phase, all runs together."""
    before_s = good.spans[0].p99_s
    rows = [
        [
            one.phase,
            f"{one.lasted_s:.1f} s",
            one.requests,
            f"{one.p50_s * _MS:.1f} ms",
            f"{one.p99_s * _MS:.1f} ms",
            f"{one.p99_s / before_s:.1f}" if before_s else "",
        ]
        for one in good.spans
    ]
    return _table(["phase", "lasted (mean)", "requests", "p50", "p99", "times before"], rows)


def page(
    bad: Sequence[Bad], same: tuple[list[str], int, int], good: Iterable[Good], machine: str
) -> str:
    """The whole page."""
    ends, requests, failed = same
    taken_back = sum(one != "live" for one in ends)
    told = f"{len(ends)} rollouts of a version just like the one before: {taken_back} rolled back;"
    parts = [
        _HEAD.format(machine=machine),
        "## Bad versions\n",
        _DECISION,
        bad_table(bad),
        "## The same version again\n",
        f"{told} {requests} requests, {failed} failed.\n",
        "## Good versions of the examples\n",
    ]
    for one in good:
        live = f"live {one.live} times of {one.runs}"
        parts.append(f"`{one.model}`: {live}; {one.requests} requests, {one.failed} failed.\n")
        parts.append(good_table(one))
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
