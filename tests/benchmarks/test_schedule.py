"""The order of the runs, and the choice of what is run."""

from collections import Counter

import pytest

from benchmarks.cases import ALL_CASES, IDENTITY, missing_parts, select_cases
from benchmarks.measure import schedule
from benchmarks.targets import Address, TcpAddress
from benchmarks.targets.triton import ModelSource


class NamedTarget:
    """A target that is never started."""

    def __init__(self, name: str) -> None:
        """Give it its name."""
        self.name = name

    @property
    def address(self) -> Address:
        """Nowhere."""
        return TcpAddress("127.0.0.1", 9)

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def cpu_s(self) -> float:
        """Use nothing."""
        return 0.0


TARGETS = [NamedTarget(name) for name in ("direct", "envoy", "seawall")]


def test_every_case_runs_on_every_target_in_every_repeat() -> None:
    """Nothing is left out and nothing runs twice."""
    runs = Counter(
        (repeat, case.name, target.name) for repeat, case, target in schedule(ALL_CASES, TARGETS, 2)
    )
    assert len(runs) == 2 * len(ALL_CASES) * len(TARGETS)
    assert set(runs.values()) == {1}


def test_targets_of_a_case_run_side_by_side() -> None:
    """The runs that a ratio is taken from are neighbours in time."""
    order = [(repeat, case.name) for repeat, case, _ in schedule(ALL_CASES, TARGETS, 2)]
    assert order == [pair for pair in dict.fromkeys(order) for _ in TARGETS]


def test_each_target_is_first_equally_often() -> None:
    """No target always gets the caches that another one warmed."""
    order = list(schedule(ALL_CASES[:1], TARGETS, 6))
    firsts = Counter(target.name for _, _, target in order[:: len(TARGETS)])
    assert set(firsts.values()) == {2}


def test_a_word_chooses_a_case_or_a_whole_workload() -> None:
    """Words may overlap; a case is chosen once, in the usual order."""
    assert [case.name for case in select_cases(["1mb", "small-8", "1mb-4"])] == [
        "small-8",
        "1mb-1",
        "1mb-4",
    ]


def test_an_unknown_word_is_refused() -> None:
    """A mistyped case must not pass as an empty comparison."""
    with pytest.raises(ValueError, match="smal-1"):
        select_cases(["small-1", "smal-1"])


def test_requests_of_a_workload_differ() -> None:
    """Equal requests could share one answer on the way, and win by it."""
    for case in ALL_CASES:
        tensors = case.workload.tensors("X")
        assert len({tensor.raw for tensor in tensors}) == len(tensors) > 1


def test_missing_parts_of_a_model_are_named() -> None:
    """A case can be left out with a reason."""
    absent = ModelSource("nothing", IDENTITY.repository)
    assert missing_parts(IDENTITY) == []
    assert missing_parts(absent) == [IDENTITY.repository / "nothing"]
