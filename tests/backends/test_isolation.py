from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.guarded import InputError, Tensors
from backends.guarded.faults import Fault, FaultKind
from backends.guarded.isolation import Answer, Isolation, Part, Refusal, next_step
from backends.guarded.signature import OutputSpec, Signature

DOUBLED = Signature((OutputSpec("OUT", "float32", (1,)),), batched=True)


@dataclass
class Lab:
    """A model that doubles, and whatever goes wrong in it."""

    trouble: Callable[[np.ndarray], None] = lambda _: None
    signature: Signature = DOUBLED
    batches: list[list[float]] = field(default_factory=list)
    reclaims: int = 0
    reports: list[Exception] = field(default_factory=list)

    def compute(self, inputs: Tensors) -> Tensors:
        self.batches.append(inputs["IN"].reshape(-1).tolist())
        self.trouble(inputs["IN"].reshape(-1))
        return {"OUT": (inputs["IN"] * 2).astype(np.float32)}

    def run(self, requests: list[list[float]]) -> list[Answer | Refusal]:
        tensors = [{"IN": np.array(r, dtype=np.float32).reshape(-1, 1)} for r in requests]
        isolation = Isolation(self.compute, self.signature, self.reclaim, self.reports.append)
        return isolation.run(tensors)

    def reclaim(self) -> None:
        self.reclaims += 1


def values(outcome: Answer | Refusal) -> list[float]:
    assert isinstance(outcome, Answer)
    return outcome.outputs["OUT"].reshape(-1).tolist()


def raise_on(bad: float) -> Callable[[np.ndarray], None]:
    def trouble(rows: np.ndarray) -> None:
        if bad in rows:
            raise ValueError(f"cannot do {bad}")

    return trouble


def test_a_sound_batch_runs_once() -> None:
    """Requests that can be joined cost one compute call."""
    lab = Lab()
    assert [values(o) for o in lab.run([[1], [2, 3], [4]])] == [[2], [4, 6], [8]]
    assert lab.batches == [[1, 2, 3, 4]]


def test_only_the_raising_request_fails() -> None:
    """One exception in a batch of sixteen costs the other fifteen nothing."""
    lab = Lab(raise_on(7))
    outcomes = lab.run([[n] for n in range(16)])
    assert outcomes[7] == Refusal(FaultKind.MODEL, "ValueError: cannot do 7")
    assert [values(o) for n, o in enumerate(outcomes) if n != 7] == [
        [2 * n] for n in range(16) if n != 7
    ]


def test_search_is_logarithmic() -> None:
    """One bad request among 64 is found in at most 1 + 2*log2(64) calls."""
    lab = Lab(raise_on(20))
    lab.run([[n] for n in range(64)])
    assert len(lab.batches) <= 13


def test_the_final_exception_alone_is_reported() -> None:
    """The search for the request at fault does not fill the log."""
    lab = Lab(raise_on(3))
    lab.run([[n] for n in range(8)])
    assert len(lab.reports) == 1


@given(st.lists(st.booleans(), min_size=1, max_size=32))
def test_exactly_the_bad_requests_fail(bad: list[bool]) -> None:
    """Whatever the mix, each request's outcome is the one that it would have alone."""

    def trouble(rows: np.ndarray) -> None:
        if any(bad[int(row)] for row in rows):
            raise RuntimeError("bad")

    outcomes = Lab(trouble).run([[n] for n in range(len(bad))])
    assert [isinstance(o, Refusal) for o in outcomes] == bad


def test_named_rows_need_no_search() -> None:
    """An InputError that names rows costs one more call, for all the others together."""

    def trouble(rows: np.ndarray) -> None:
        faults = {row: "is odd" for row, value in enumerate(rows) if value % 2}
        if faults:
            raise InputError("odd", rows=faults)

    lab = Lab(trouble)
    outcomes = lab.run([[0], [1], [2, 3, 5], [4]])
    assert outcomes[1] == Refusal(FaultKind.INPUT, "is odd")
    assert outcomes[2] == Refusal(FaultKind.INPUT, "row 1: is odd; row 2: is odd")
    assert lab.batches == [[0, 1, 2, 3, 5, 4], [0, 4]]
    assert lab.reports == []


def test_an_input_error_without_rows_is_searched_for() -> None:
    """An InputError that names nobody refuses only the request that raises it."""

    def trouble(rows: np.ndarray) -> None:
        if 2 in rows:
            raise InputError("two is too much")

    outcomes = Lab(trouble).run([[1], [2], [3]])
    assert outcomes[1] == Refusal(FaultKind.INPUT, "two is too much")
    assert [values(outcomes[0]), values(outcomes[2])] == [[2], [6]]


def test_rows_outside_the_batch_blame_nobody() -> None:
    """A model that names rows that do not exist is searched like any other, and ends."""

    def trouble(rows: np.ndarray) -> None:
        if 2 in rows:
            raise InputError("bad", rows={99: "bad"})

    outcomes = Lab(trouble).run([[1], [2]])
    assert values(outcomes[0]) == [2]
    assert outcomes[1] == Refusal(FaultKind.INPUT, "bad")


def test_a_batch_too_big_for_memory_is_halved() -> None:
    """Out of memory splits the batch after freeing caches, and every request is answered."""

    def trouble(rows: np.ndarray) -> None:
        if len(rows) > 2:
            raise MemoryError

    lab = Lab(trouble)
    assert [values(o) for o in lab.run([[n] for n in range(6)])] == [[2 * n] for n in range(6)]
    assert lab.reclaims == 3


def test_a_request_too_big_for_memory_is_refused_alone() -> None:
    """A single request gets one more try with freed caches, then a clear refusal."""

    def trouble(rows: np.ndarray) -> None:
        if 9 in rows:
            raise MemoryError

    lab = Lab(trouble)
    outcomes = lab.run([[1], [9]])
    assert values(outcomes[0]) == [2]
    assert isinstance(outcomes[1], Refusal)
    assert outcomes[1].kind is FaultKind.MEMORY
    assert lab.batches == [[1, 9], [1], [9], [9]]


def test_memory_that_was_only_cached_is_found_again() -> None:
    """A lone request that fits once caches are freed is answered."""
    lab = Lab()

    def trouble(_: np.ndarray) -> None:
        if lab.reclaims == 0:
            raise MemoryError

    lab.trouble = trouble
    assert values(lab.run([[5]])[0]) == [10]


def test_a_wrong_answer_is_a_fault_of_its_request() -> None:
    """An output that breaks the config fails its request, not the batch."""
    lab = Lab()
    sound = lab.compute

    def compute(inputs: Tensors) -> Tensors:
        answer = sound(inputs)
        return {"OUT": answer["OUT"].astype(np.float64)} if 3 in inputs["IN"] else answer

    isolation = Isolation(compute, DOUBLED, lab.reclaim, lab.reports.append)
    outcomes = isolation.run([{"IN": np.array([[n]], dtype=np.float32)} for n in (1, 3)])
    assert values(outcomes[0]) == [2]
    assert outcomes[1] == Refusal(
        FaultKind.MODEL, "AnswerError: output OUT is float64, config says float32"
    )


def test_requests_of_unlike_shape_run_apart() -> None:
    """Different trailing dims cannot be joined, and answers keep the order of requests."""
    lab = Lab(signature=Signature((OutputSpec("OUT", "float32", (-1,)),), batched=True))
    requests = [{"IN": np.full((1, n), n, dtype=np.float32)} for n in (1, 2, 1)]
    isolation = Isolation(lab.compute, lab.signature, lab.reclaim, lab.reports.append)
    outcomes = isolation.run(requests)
    assert [values(o) for o in outcomes] == [[2], [4, 4], [2]]
    assert lab.batches == [[1, 1], [2, 2]]


def test_a_model_without_batching_gets_one_request_at_a_time() -> None:
    """With max_batch_size 0 nothing is joined and no batch axis is expected."""
    lab = Lab(signature=Signature((OutputSpec("OUT", "float32", (-1,)),), batched=False))
    isolation = Isolation(lab.compute, lab.signature, lab.reclaim, lab.reports.append)
    outcomes = isolation.run([{"IN": np.array([1.0, 2.0])}, {"IN": np.array([3.0])}])
    assert [values(o) for o in outcomes] == [[2, 4], [6]]


def test_no_requests_is_no_work() -> None:
    """An empty batch is answered without a compute call."""
    lab = Lab()
    assert lab.run([]) == []
    assert lab.batches == []


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_lone_reclaimed_request_always_ends(kind: FaultKind) -> None:
    """After its second try a request is refused, whatever the fault: no endless retries."""
    step = next_step(Part((4,), reclaimed=True), Fault(kind, "no"), [1])
    assert step.refusals == {4: Refusal(kind, "no")}
    assert step.parts == []
