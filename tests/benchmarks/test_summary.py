"""The numbers under every claim of speed: medians, paired ratios, faults of a run."""

import dataclasses
import math

import pytest

from benchmarks.load import LoadResult
from benchmarks.summary import (
    Run,
    Spread,
    cpu_us_per_request,
    faults,
    load_share,
    ratios,
    spread_of,
    spreads,
)

GOOD = LoadResult(
    requests=1000,
    total_requests=1100,
    elapsed_s=2.0,
    p50_us=400.0,
    p90_us=500.0,
    p99_us=900.0,
    p999_us=1500.0,
    max_us=2000.0,
    transport_errors=0,
    reconnects=0,
    cpu_s=0.22,
    wall_s=2.2,
    statuses={"200": 1100},
)


def run_of(target: str, repeat: int = 0, **changes: object) -> Run:
    """Make a good run with some of the load's figures changed."""
    load = dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]
    return Run(repeat, "small-1", target, load, cpu_s={"triton": 0.55}, inferences=1100)


def test_spread_gives_median_and_both_ends() -> None:
    """One slow repeat moves an end, never the median."""
    assert spread_of([3.0, 1.0, 99.0]) == Spread(median=3.0, low=1.0, high=99.0)


def test_spreads_take_only_runs_of_that_case_and_target() -> None:
    """Figures of another target never leak into a row."""
    runs = [run_of("envoy"), run_of("direct", p50_us=9e9)]
    assert spreads(runs, "small-1", "envoy")["p50_ms"] == Spread(0.4, 0.4, 0.4)
    assert spreads(runs, "small-1", "envoy")["rps"].median == 500.0


def test_ratio_is_taken_within_each_repeat() -> None:
    """A machine that halves its speed between repeats leaves the ratio as it is."""
    runs = [
        run_of("envoy", 0, p50_us=100.0),
        run_of("seawall", 0, p50_us=150.0),
        run_of("seawall", 1, p50_us=300.0),
        run_of("envoy", 1, p50_us=200.0),
    ]
    spread = ratios(runs, "small-1", "seawall", "envoy")["p50_ms"]
    assert dataclasses.astuple(spread) == pytest.approx((1.5, 1.5, 1.5))


def test_ratio_to_nothing_is_not_a_number() -> None:
    """A base that answered nothing gives no ratio, rather than an error or a good one."""
    runs = [run_of("seawall"), run_of("envoy", requests=0)]
    rps = ratios(runs, "small-1", "seawall", "envoy")["rps"]
    assert math.isnan(rps.median)


def test_good_run_has_no_fault() -> None:
    """Only a run in which every answer was good passes."""
    assert faults(run_of("envoy"), in_flight=1) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"statuses": {"200": 1099, "503": 1}}, "1 answers with status 503"),
        ({"transport_errors": 2}, "2 connections lost"),
        ({"requests": 0}, "no answer in the measured seconds"),
    ],
)
def test_each_bad_outcome_is_a_fault(changes: dict[str, object], fault: str) -> None:
    """One bad answer is enough to fail a run, and the fault says which run."""
    assert faults(run_of("seawall", 1, **changes), in_flight=1) == [
        f"small-1 on seawall, repeat 2: {fault}"
    ]


def test_answers_that_the_model_never_gave_are_a_fault() -> None:
    """A cache must not win a comparison of paths to the model."""
    cached = dataclasses.replace(run_of("seawall"), inferences=1090)
    assert len(faults(cached, in_flight=8)) == 1
    assert faults(cached, in_flight=10) == []


def test_unknown_inference_count_is_not_a_fault() -> None:
    """A Seawall that somebody else started has a Triton that we cannot ask."""
    assert faults(dataclasses.replace(run_of("seawall"), inferences=None), in_flight=1) == []


def test_cpu_is_shared_out_over_all_requests() -> None:
    """Warm-up requests cost CPU too, and count."""
    assert cpu_us_per_request([run_of("direct")], "small-1", "direct") == pytest.approx(
        {"triton": 500.0, "load": 200.0}
    )
    assert load_share([run_of("direct")], "small-1", "direct") == pytest.approx(0.1)
