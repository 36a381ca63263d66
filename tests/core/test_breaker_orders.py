"""The breaker's machine under an operator's orders and changed policies."""

import pytest

from control.core.breaker_states import BreakerState, Refused
from control.core.outcome import Outcome
from control.core.protection import BreakerMode, BreakerPolicy
from tests.core.breaker_steps import SMALL, Driven


@pytest.fixture
def driven() -> Driven:
    """A closed breaker with small numbers."""
    return Driven()


def test_an_operator_forces_it_open(driven: Driven) -> None:
    """Nothing passes until the order is taken back; then it begins anew."""
    old = driven.ticket()
    driven.machine.order(BreakerMode.FORCED_OPEN, 0, driven.now_s)
    driven.end(old, Outcome.SUCCESS)
    driven.machine.open_at_once("its process has died", driven.now_s)
    driven.now_s += 1000.0
    expected = Refused(BreakerState.FORCED_OPEN, "by an operator's order", 5.0)
    assert driven.refused() == expected
    assert not driven.machine.is_calling_useful(driven.now_s)
    driven.machine.order(BreakerMode.AUTOMATIC, 0, driven.now_s)
    driven.call(Outcome.SUCCESS)
    assert driven.path() == ["forced_open", "closed"]


@pytest.mark.parametrize(
    ("mode", "calls"), [(BreakerMode.DISABLED, 0), (BreakerMode.METRICS_ONLY, 10)]
)
def test_an_operator_lets_everything_pass(driven: Driven, mode: BreakerMode, calls: int) -> None:
    """Whatever the calls come to; only METRICS_ONLY goes on counting them."""
    driven.machine.order(mode, 0, driven.now_s)
    driven.call(*[Outcome.FAILURE] * 30)
    driven.machine.open_at_once("its process has died", driven.now_s)
    assert driven.machine.state.value == mode.value
    assert driven.machine.is_calling_useful(driven.now_s)
    assert driven.machine.retry_after_s(driven.now_s) == 0.0
    assert driven.machine.counts(driven.now_s).failed == calls
    assert driven.path() == [mode.value]


def test_an_epoch_that_grows_resets_it(driven: Driven) -> None:
    """Once for each growth; a lower epoch (an order that was taken back) commands nothing."""
    driven.opened().machine.order(BreakerMode.AUTOMATIC, 3, driven.now_s)
    driven.call(*[Outcome.FAILURE] * 3)
    driven.machine.order(BreakerMode.AUTOMATIC, 3, driven.now_s)
    driven.machine.order(BreakerMode.AUTOMATIC, 0, driven.now_s)
    assert driven.machine.counts(driven.now_s).failed == 3
    driven.machine.order(BreakerMode.AUTOMATIC, 1, driven.now_s)
    assert driven.machine.counts(driven.now_s).failed == 0
    assert driven.machine.typical_s is None
    assert driven.path() == ["open", "closed"]


def test_a_reset_keeps_an_order(driven: Driven) -> None:
    """Forgetting is not letting pass."""
    driven.machine.order(BreakerMode.FORCED_OPEN, 0, driven.now_s)
    driven.machine.order(BreakerMode.FORCED_OPEN, 1, driven.now_s)
    assert driven.refused().state is BreakerState.FORCED_OPEN


def test_another_policy_judges_from_then_on(driven: Driven) -> None:
    """Its window begins empty; the same policy changes nothing."""
    driven.call(*[Outcome.FAILURE] * 3)
    same = BreakerPolicy(**{name: getattr(SMALL, name) for name in SMALL.__slots__})
    driven.machine.reconfigure(same, driven.now_s)
    assert driven.machine.counts(driven.now_s).failed == 3
    driven.machine.reconfigure(BreakerPolicy(minimum_number_of_calls=2), driven.now_s)
    assert driven.machine.counts(driven.now_s).total == 0
    driven.call(*[Outcome.FAILURE] * 2)
    assert driven.machine.state is BreakerState.OPEN


def test_another_policy_holds_for_an_open_breaker(driven: Driven) -> None:
    """A shorter wait ends sooner, fewer probes decide at once."""
    driven.opened().now_s += 1.0
    short = BreakerPolicy(wait_duration_in_open_state_s=1.0)
    driven.machine.reconfigure(short, driven.now_s)
    driven.call(*[Outcome.SUCCESS] * 2)
    assert driven.machine.state is BreakerState.HALF_OPEN
    two = BreakerPolicy(permitted_number_of_calls_in_half_open_state=2)
    driven.machine.reconfigure(two, driven.now_s)
    assert driven.machine.state is BreakerState.CLOSED
