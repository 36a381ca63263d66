"""How long who joins will have to wait, and for how long it may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.protection import QueuePolicy
from tests.core.line_of_names import HIGH, LOW, NORMAL, QUICK, Line


def places_ahead(line: Line, tenant: str) -> float:
    """How many places have to become free first, seen by the mean: as high priority is told."""
    return line.wait_s(tenant, HIGH, 1.0)


def test_who_goes_first_is_counted() -> None:
    """Of each tenant one more than one's own, as they take turns."""
    line = Line(QueuePolicy())
    for _ in range(5):
        line.add("a", tenant="a", priority=HIGH)
    for _ in range(2):
        line.add("b", tenant="b", priority=HIGH)
    assert places_ahead(line, "a") == 5 + 2
    assert places_ahead(line, "b") == 3 + 2
    assert places_ahead(line, "new") == 1 + 1
    assert line.wait_s("a", HIGH, 100.0) == pytest.approx(0.07)


@given(st.lists(st.sampled_from("abcde"), max_size=60), st.integers(0, 40), st.sampled_from("abcf"))
def test_the_count_of_who_goes_first_is_the_truth(
    tenants: list[str], served: int, tenant: str
) -> None:
    """Whoever joins goes after as many as were counted, or a round less."""
    line = Line(QueuePolicy())
    for number, one in enumerate(tenants):
        line.add(f"{one}{number}", tenant=one, priority=HIGH)
    for _ in range(min(served, len(tenants))):
        line.serve(line.next_waiter(0.0))
    counted, others = places_ahead(line, tenant), len(line._lanes[0]._tenants)
    line.add("newcomer", tenant=tenant, priority=HIGH)
    truth = line.serve_all().index("newcomer")
    assert truth <= counted <= truth + others


def test_those_who_matter_more_go_on_coming() -> None:
    """What they took of the last places is not there for the others."""
    line = Line(QueuePolicy())
    for _ in range(100):
        line.add("n")
    first_s = line.wait_s("acme", NORMAL, 100.0)
    assert first_s == pytest.approx((100 + 2 * 10) / 100.0)
    for _ in range(90):
        line.add("h", priority=HIGH)
        line.serve(line.next_waiter(0.0))
    assert line.wait_s("acme", NORMAL, 100.0) == pytest.approx(10 * first_s)
    for _ in range(99):
        line.serve(line.next_waiter(0.0))
    line.add("h", priority=HIGH)
    assert line.wait_s("acme", LOW, 1e9) > line.wait_s("acme", NORMAL, 1e9)


def test_turns_are_forgotten() -> None:
    """What went to high priority long ago tells nothing, and a new line begins anew."""
    line = Line(QueuePolicy())
    for priority, turns in [(HIGH, 300), (NORMAL, 2000)]:
        line.add("n")
        for _ in range(turns):
            line.add("one", priority=priority)
            line.serve(line.next_waiter(0.0))
    assert line._lanes[0].turns < 1.0
    assert line._lanes[1].turns <= 256.0
    line.serve_all()
    line.add("n")
    assert {lane.turns for lane in line._lanes} == {0.0}


def test_one_may_join_for_half_of_its_time() -> None:
    """Whoever has a minute may wait for half; high priority for all; a policy may say else."""
    line = Line(QueuePolicy())
    assert line.patience_s(NORMAL, 60.0, 0.0) == 30.0
    assert line.patience_s(HIGH, 60.0, 0.0) == 60.0
    assert Line(QUICK).patience_s(LOW, 60.0, 0.0) == 0.005


def test_wrong_predictions_are_corrected() -> None:
    """After an overload fewer are let in; under it fewer still; in time all is as before."""
    line = Line(QueuePolicy(interval_s=0.1))
    patience = []
    for round_s in (0.0, 10.0, 20.0, 30.0):
        line.add("late", round_s, deadline_s=round_s + 1.0)
        assert line.take_due(round_s + 0.5)
        patience.append(line.patience_s(NORMAL, 3.0, round_s + 0.6))
        assert line.patience_s(NORMAL, 3.0, round_s + 0.5) == pytest.approx(patience[-1] / 2, 0.01)
    assert patience == sorted(patience, reverse=True)
    assert patience[0] == pytest.approx(1.0, 0.01)
    assert patience[-1] >= 0.75
    assert line.patience_s(NORMAL, 3.0, 1e6) == pytest.approx(1.5, 0.01)
    assert line.patience_s(LOW, 3.0, 30.6) == 1.5
