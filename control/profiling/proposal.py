"""The limits that follow from what was measured, as keys of ``contract.yaml``. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from control.learning.changes import MISSING, Changes, Path
from control.learning.yaml_text import as_block, as_comment
from control.profiling.envelope import Coefficients, fit_envelope
from control.profiling.measurement import Measurement, Profile

#: A batch beyond the useful one makes throughput no better than this.
_GAIN: Final = 1.1
#: The deadline leaves a request room to wait for some like it.
_DEADLINE_FACTOR: Final = 4
_LEAST_DEADLINE_MS: Final = 100
#: Requests in flight for each row that an instance computes at once: those, and the next ones.
_IN_FLIGHT_FACTOR: Final = 2
_LEAST_IN_FLIGHT: Final = 4
#: Less than this does not decide how many requests fit.
_LEAST_MEMORY: Final = 1024 * 1024
_MEBIBYTE: Final = 1024 * 1024
_DIGITS: Final = 2
#: What a linear program leaves of a coefficient that is none.
_NOTHING: Final = 1e-3

LIMITS: Final = "limits"
MEMORY: Final = "memory"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Values under ``limits``, and for each of them what was measured."""

    useful_batch: int
    coefficients: Coefficients
    values: dict[str, Any]
    reasons: dict[str, str]

    def as_yaml(self) -> str:
        """Write the block with its reasons."""
        lines = [f"{LIMITS}:\n"]
        for name, value in self.values.items():
            lines += [as_comment(self.reasons[name], 2), as_block({name: value}, 2)]
        return "".join(lines)


def propose_limits(profile: Profile) -> Proposal:
    """Propose a deadline, a range of concurrency and a memory prediction."""
    points = profile.measurements
    batch = useful_batch(points)
    slowest = max(points, key=lambda one: one.p99_s)
    deadline = rounded_up(slowest.p99_s * 1000 * _DEADLINE_FACTOR)
    values: dict[str, Any] = {
        "deadline_ms": max(_LEAST_DEADLINE_MS, deadline),
        "concurrency": {
            "max": max(_LEAST_IN_FLIGHT, _IN_FLIGHT_FACTOR * batch * profile.instances)
        },
    }
    reasons = {
        "deadline_ms": f"Profiled: {_DEADLINE_FACTOR} times the slowest p99,"
        f" {slowest.p99_s * 1000:.3g} ms for {_described(slowest)}.",
        "concurrency": f"Profiled: {_IN_FLIGHT_FACTOR} times the {batch} rows that are worth"
        f" computing at once, in {profile.instances} instance(s).",
    }
    coefficients = fit_envelope(points)
    memory = _memory_keys(profile, coefficients)
    if memory:
        values[MEMORY] = memory
        reasons[MEMORY] = _memory_reason(profile)
    return Proposal(batch, coefficients, values, reasons)


def useful_batch(points: Sequence[Measurement]) -> int:
    """Give the smallest batch whose throughput no larger one exceeds by a tenth.

    Compared are the requests whose rows are as large as those of the smallest batch at most.
    """
    single = min(one.rows for one in points)
    width = max(one.input_bytes for one in points if one.rows == single) / single
    best: dict[int, float] = {}
    for one in points:
        if one.input_bytes / one.rows <= width:
            best[one.rows] = max(best.get(one.rows, 0.0), one.rows / max(one.p50_s, 1e-9))
    return min(rows for rows, speed in best.items() if speed * _GAIN >= max(best.values()))


def changes_for(proposal: Proposal, present: dict[str, Any]) -> Changes:
    """Give the changes to a file: what was measured is renewed, the author's own limits stay."""
    changes = Changes(present)
    for name, value in proposal.values.items():
        if name != MEMORY:
            for path, inner in _leaves((LIMITS, name), value):
                if not changes.has(path[:2]):
                    changes.offer(path, inner)
    measured = proposal.values.get(MEMORY, {})
    for name in _MEASURED if measured else ():
        path = (LIMITS, MEMORY, name)
        if name in measured:
            changes.renew(path, measured[name])
        elif changes.has(path):
            changes.renew(path, MISSING)
    return changes


_MEASURED: Final = (
    "bytes_per_request",
    "bytes_per_row",
    "bytes_per_input_byte",
    "bytes_per_token",
    "device",
)


def rounded_up(value: float) -> int | float:
    """Give the next number of two digits."""
    if value < _NOTHING:
        return 0
    step = 10.0 ** (math.floor(math.log10(value)) - _DIGITS + 1)
    found = math.ceil(value / step - 1e-9) * step
    return round(found) if step >= 1 else round(found, 6)


def _leaves(path: Path, value: Any) -> list[tuple[Path, Any]]:  # noqa: ANN401 - a YAML value
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in _leaves((*path, key), one)]
    return [(path, value)]


def _memory_keys(profile: Profile, found: Coefficients) -> dict[str, Any]:
    if max(one.memory_bytes for one in profile.measurements) < _LEAST_MEMORY:
        return {}
    amounts = (found.per_request, found.per_row, found.per_input_byte, found.per_token)
    named = dict(zip(_MEASURED, map(rounded_up, amounts), strict=False))
    keys: dict[str, Any] = {name: amount for name, amount in named.items() if amount}
    return keys | ({"device": "gpu"} if profile.device == "gpu" else {})


def _memory_reason(profile: Profile) -> str:
    needs = [one.memory_bytes / _MEBIBYTE for one in profile.measurements]
    return (
        f"Profiled: {len(needs)} sizes took {min(needs):.3g} to {max(needs):.4g} MiB beyond the"
        f" loaded {profile.loaded_bytes / _MEBIBYTE:.4g} MiB; none is predicted too low."
    )


def _described(one: Measurement) -> str:
    tokens = f" and {one.tokens} tokens" if one.tokens else ""
    return f"{one.rows} row(s) of {one.input_bytes} bytes{tokens} in all"
