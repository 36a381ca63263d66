from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from control.core.breaker_states import BreakerState
from control.core.outcome import Outcome
from control.core.protection import BreakerMode, BreakerPolicy, Override, Protection
from control.core.snapshot import VersionView
from control.errors import CircuitOpen
from control.gateway.protection.breaker_board import Breaker, BreakerBoard, BreakerStatus
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import make_view, snapshot_of, value_of
from tests.quotas.conftest import Clock

POLICY = BreakerPolicy(minimum_number_of_calls=4, permitted_number_of_calls_in_half_open_state=2)


@pytest.fixture
def clock() -> Clock:
    """The board's clock."""
    return Clock()


@pytest.fixture
def board(metrics: GatewayMetrics, clock: Clock) -> BreakerBoard:
    """A board without breakers."""
    return BreakerBoard(metrics, clock)


@pytest.fixture
def view() -> VersionView:
    """A version whose breaker opens soon."""
    return protected(make_view())


def protected(view: VersionView, policy: BreakerPolicy = POLICY, **order: Any) -> VersionView:
    """The version with another policy and order."""
    return replace(view, protection=Protection(breaker=policy), order=Override(**order))


def call(breaker: Breaker, *outcomes: Outcome, duration_s: float | None = 0.01) -> None:
    """Make calls, one after the other."""
    for outcome in outcomes:
        breaker.end(breaker.ask(), outcome, duration_s)


def opened(breaker: Breaker) -> Breaker:
    """Open a breaker by failures."""
    call(breaker, *[Outcome.FAILURE] * 4)
    return breaker


def states(registry: CollectorRegistry) -> dict[str, float]:
    """What the gauge says of the version's states, as far as it says anything."""
    name, of_view = "seawall_breaker_state", {"model": "identity", "version": "1"}
    shown = {
        state.value: value_of(registry, name, **of_view, state=state.value)
        for state in BreakerState
    }
    return {state: value for state, value in shown.items() if value}


def test_an_open_breaker_refuses_in_words(
    board: BreakerBoard, view: VersionView, clock: Clock, registry: CollectorRegistry
) -> None:
    """The refusal names model, version, state, the rate seen, the limit, and when to return."""
    opened(board.of(view))
    clock.advance(0.5)
    with pytest.raises(CircuitOpen) as refusal:
        board.of(view).ask()
    assert refusal.value.message == (
        "model 'identity' version 1 is not called: its breaker is open"
        " (4 of 4 calls failed (100 %, limit 50 %)); try again in 5 s"
    )
    assert (refusal.value.http_status, refusal.value.retry_after_s) == (503, 5)
    name = "seawall_calls_not_permitted_total"
    assert value_of(registry, name, model="identity", version="1") == 1


def test_who_comes_beside_the_probes_is_refused(
    board: BreakerBoard, view: VersionView, clock: Clock
) -> None:
    """With why the breaker had opened, and at least a second to wait."""
    breaker = opened(board.of(view))
    clock.advance(5.0)
    for _ in range(2):
        breaker.ask()
    with pytest.raises(CircuitOpen, match=r"is half open, with all its probes under way \(4 of 4"):
        breaker.ask()


def test_every_transition_is_counted_shown_and_logged(
    board: BreakerBoard,
    view: VersionView,
    clock: Clock,
    registry: CollectorRegistry,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The gauge tells one state of six; only opening is a warning."""
    breaker = board.of(view)
    assert states(registry) == {"closed": 1}
    opened(breaker)
    assert states(registry) == {"open": 1}
    clock.advance(5.0)
    call(breaker, Outcome.SUCCESS)
    assert states(registry) == {"half_open": 1}
    call(breaker, Outcome.SUCCESS)
    assert states(registry) == {"closed": 1}
    told = "".join(capsys.readouterr())
    assert told.count("breaker_moved") == 3
    assert told.count("warning") == 1
    assert "4 of 4 calls failed (100 %, limit 50 %)" in told
    for state in ("open", "half_open", "closed"):
        name, labels = "seawall_breaker_transitions_total", {"model": "identity", "version": "1"}
        assert value_of(registry, name, **labels, to=state) == 1


def test_a_breaker_tells_how_it_stands(
    board: BreakerBoard, view: VersionView, clock: Clock
) -> None:
    """Its state, what it has seen, since when and until when."""
    call(board.of(view), Outcome.FAILURE, *[Outcome.SUCCESS] * 3)
    assert board.statuses() == [
        BreakerStatus("identity", 1, BreakerState.CLOSED, 25.0, 0.0, 4, 0.0, "")
    ]
    board.of(view).open_at_once("its process has died")
    clock.advance(2.0)
    expected = BreakerStatus(
        *("identity", 1, BreakerState.OPEN, 25.0, 0.0, 4, 3.0), "its process has died"
    )
    assert board.statuses() == [expected]


def test_readiness_may_ask_whether_calling_is_of_use(
    board: BreakerBoard, view: VersionView, clock: Clock
) -> None:
    """Not while it is open and its wait is not over; asking makes no breaker and moves none."""
    assert board.is_calling_useful(view)
    assert board.statuses() == []
    opened(board.of(view))
    assert not board.is_calling_useful(view)
    clock.advance(5.0)
    assert board.is_calling_useful(view)
    assert board.statuses()[0].state is BreakerState.OPEN


def test_a_dead_process_opens_it_and_a_reload_lets_it_be_probed(
    board: BreakerBoard, view: VersionView
) -> None:
    """At once, both; the controller's snapshot tells of the reload."""
    board.learn(snapshot_of(view))
    witnesses = [board.of(view).ask() for _ in range(2)]
    board.of(view).open_at_once("its process has died", witnesses[0])
    with pytest.raises(CircuitOpen, match="its process has died"):
        board.of(view).ask()
    board.learn(snapshot_of(replace(view, ready=False)))
    with pytest.raises(CircuitOpen, match="its process has died"):
        board.of(view).ask()
    board.learn(snapshot_of(view))
    board.of(view).open_at_once("its process has died", witnesses[1])
    call(board.of(view), *[Outcome.SUCCESS] * 2)
    assert board.statuses()[0].state is BreakerState.CLOSED
    board.of(view).open_at_once("its process has died")
    board.learn(snapshot_of(replace(view, ready=False)))
    board.learn(snapshot_of(replace(view)))
    assert board.statuses()[0].state is BreakerState.HALF_OPEN


def test_new_snapshots_change_policies_and_bring_orders(
    board: BreakerBoard, view: VersionView
) -> None:
    """From the next call on; what is the same keeps what has been counted."""
    board.learn(snapshot_of(view))
    call(board.of(view), *[Outcome.FAILURE] * 3)
    board.learn(snapshot_of(protected(make_view())))
    assert board.statuses()[0].calls == 3
    board.learn(snapshot_of(protected(make_view(), BreakerPolicy(minimum_number_of_calls=2))))
    assert board.statuses()[0].calls == 0
    call(board.of(view), *[Outcome.FAILURE] * 2)
    assert board.statuses()[0].state is BreakerState.OPEN
    board.learn(snapshot_of(protected(make_view(), breaker_epoch=1)))
    assert board.statuses()[0].state is BreakerState.CLOSED
    board.learn(snapshot_of(protected(make_view(), breaker=BreakerMode.FORCED_OPEN)))
    with pytest.raises(CircuitOpen, match=r"is forced open \(by an operator's order\)"):
        board.of(view).ask()


def test_an_order_holds_from_the_first_call_on(board: BreakerBoard, view: VersionView) -> None:
    """Also where a gateway starts after it was given."""
    ordered = protected(view, breaker=BreakerMode.DISABLED, breaker_epoch=7)
    opened(board.of(ordered))
    assert board.statuses()[0].state is BreakerState.DISABLED


def test_a_request_with_an_old_view_changes_nothing(board: BreakerBoard, view: VersionView) -> None:
    """Requests outlive the snapshot that they came with."""
    board.learn(snapshot_of(protected(view, breaker=BreakerMode.FORCED_OPEN, breaker_epoch=1)))
    with pytest.raises(CircuitOpen):
        board.of(view).ask()


def test_a_version_that_is_gone_is_forgotten(
    board: BreakerBoard, view: VersionView, registry: CollectorRegistry
) -> None:
    """Its calls under way may end; it is shown no more, until it comes back as a new one."""
    other = make_view("other")
    board.learn(snapshot_of(view, other))
    breaker = board.of(view)
    tickets = [breaker.ask() for _ in range(4)]
    board.learn(snapshot_of(other))
    for ticket in tickets:
        breaker.end(ticket, Outcome.FAILURE, 0.01)
    assert [one.model for one in board.statuses()] == ["other"]
    assert set(states(registry).values()) == {-1.0}, "the sign for no data"
    board.learn(snapshot_of(view, other))
    assert states(registry) == {"closed": 1}
    board.of(view).ask()


def test_a_call_lasts_since_it_was_asked_for(
    board: BreakerBoard, view: VersionView, clock: Clock
) -> None:
    """Unless whoever ends it knows better: waiting for a place is not the model's time."""
    breaker = board.of(view)
    ticket = breaker.ask()
    clock.advance(2.0)
    breaker.end(ticket, Outcome.SUCCESS)
    assert not breaker.timed_out_fairly(5.9)
    assert breaker.timed_out_fairly(6.0)
    call(breaker, *[Outcome.SUCCESS] * 200, duration_s=0.01)
    assert breaker.timed_out_fairly(0.1)
