"""Runs a batch so that only the requests at fault fail. Pure: compute and reclaim are passed in.

Triton fails a whole dynamic batch for one exception. Here a failed batch is searched by halves:
k bad requests among n cost at most about 2k*log2(n) extra calls, and the innocent get answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from backends.guarded.api import Tensors
from backends.guarded.batching import cut, group, join, row_count
from backends.guarded.faults import Fault, FaultKind, classify
from backends.guarded.signature import Signature

Compute: TypeAlias = Callable[[Tensors], Tensors]


@dataclass(frozen=True, slots=True)
class Answer:
    """A request's outputs."""

    outputs: Tensors


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one request has no outputs."""

    kind: FaultKind
    message: str


Outcome: TypeAlias = Answer | Refusal


@dataclass(frozen=True, slots=True)
class Part:
    """Positions of requests to run as one call. `reclaimed`: memory was freed just for this run."""

    positions: tuple[int, ...]
    reclaimed: bool = False


@dataclass(frozen=True, slots=True)
class NextStep:
    """What follows a failed part: requests refused now, and parts still to run."""

    refusals: dict[int, Refusal]
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Isolation:
    """Runs requests through `compute`.

    `reclaim` frees caches after an allocation failed. `report` gets the exception of a request that
    failed by itself; not those met on the way to it, and not the callers' own faults.
    """

    compute: Compute
    signature: Signature
    reclaim: Callable[[], None]
    report: Callable[[Exception], None]

    def run(self, requests: Sequence[Tensors]) -> list[Outcome]:
        """One outcome per request, in order."""
        outcomes: dict[int, Outcome] = {}
        pending = [Part(tuple(g)) for g in group(requests, batched=self.signature.batched)]
        while pending:
            part = pending.pop(0)
            batch = [requests[position] for position in part.positions]
            result = self._attempt(batch)
            if not isinstance(result, Fault):
                outcomes.update(zip(part.positions, map(Answer, result), strict=True))
                continue
            if result.kind is FaultKind.MEMORY:
                self.reclaim()
            step = next_step(part, result, self._row_counts(batch))
            outcomes.update(step.refusals)
            pending[:0] = step.parts
        return [outcomes[position] for position in range(len(requests))]

    def _attempt(self, batch: Sequence[Tensors]) -> list[Tensors] | Fault:
        rows = self._row_counts(batch)
        try:
            answer = self.compute(join(batch))
            self.signature.check(answer, sum(rows))
        except Exception as error:  # noqa: BLE001 - outermost edge: a model may raise anything
            fault = classify(error)
            if len(batch) == 1 and fault.kind is not FaultKind.INPUT:
                self.report(error)
            # Only the fault leaves this block: the exception's frames hold the batch's tensors,
            # and those must be free before memory is reclaimed and the batch is tried again.
            return fault
        return cut(answer, rows) if self.signature.batched else [answer]

    def _row_counts(self, batch: Sequence[Tensors]) -> list[int]:
        return [row_count(inputs) for inputs in batch] if self.signature.batched else [1]


def next_step(part: Part, fault: Fault, rows: Sequence[int]) -> NextStep:
    """Decide how a failed part goes on.

    Four cases:
    1. the fault names rows: refuse their requests, run the others together;
    2. several requests: halve, to find the one at fault or to need less memory at once;
    3. one request, out of memory, memory only now freed: once more;
    4. one request: it is the one at fault.
    """
    blamed = _blamed(part, fault, rows)
    if blamed:
        rest = tuple(p for p in part.positions if p not in blamed)
        return NextStep(blamed, [Part(rest)] if rest else [])
    if len(part.positions) > 1:
        middle = len(part.positions) // 2
        halves = (part.positions[:middle], part.positions[middle:])
        return NextStep({}, [Part(half) for half in halves])
    if fault.kind is FaultKind.MEMORY and not part.reclaimed:
        return NextStep({}, [Part(part.positions, reclaimed=True)])
    return NextStep({part.positions[0]: Refusal(fault.kind, fault.message)}, [])


def _blamed(part: Part, fault: Fault, rows: Sequence[int]) -> dict[int, Refusal]:
    """Requests whose own rows the fault names; row numbers are told relative to the request."""
    blamed: dict[int, Refusal] = {}
    start = 0
    for position, count in zip(part.positions, rows, strict=True):
        own = {row - start: why for row, why in fault.rows.items() if start <= row < start + count}
        if own:
            told = (why if count == 1 else f"row {row}: {why}" for row, why in sorted(own.items()))
            blamed[position] = Refusal(fault.kind, "; ".join(told))
        start += count
    return blamed
