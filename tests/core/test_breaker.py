"""When the breaker's machine opens, how it probes, and what closes it."""

import pytest

from control.core.breaker_states import BreakerState, Refused
from control.core.outcome import Outcome
from control.core.protection import BreakerPolicy, WindowType
from tests.core.breaker_steps import JUDGED, NEUTRAL, Driven


@pytest.fixture
def driven() -> Driven:
    """A closed breaker with small numbers."""
    return Driven()


def test_it_opens_at_the_failure_rate(driven: Driven) -> None:
    """At the threshold, and not before enough calls have ended; it says what it has seen."""
    driven.call(Outcome.FAILURE, Outcome.SUCCESS, Outcome.FAILURE)
    assert driven.machine.state is BreakerState.CLOSED
    driven.call(Outcome.SUCCESS)
    refused = driven.refused()
    assert refused == Refused(BreakerState.OPEN, "2 of 4 calls failed (50 %, limit 50 %)", 5.0)
    (transition,) = driven.machine.take_transitions()
    assert (transition.before, transition.after) == (BreakerState.CLOSED, BreakerState.OPEN)
    assert transition.reason == refused.reason


def test_it_stays_closed_below_the_rate(driven: Driven) -> None:
    """Old failures leave the window."""
    driven.call(Outcome.FAILURE, *[Outcome.SUCCESS] * 3, Outcome.FAILURE)
    driven.call(*[Outcome.SUCCESS] * 10)
    assert driven.machine.counts(driven.now_s).failed == 0
    driven.call(*[Outcome.FAILURE] * 4)
    assert driven.machine.state is BreakerState.CLOSED
    driven.call(Outcome.FAILURE)
    assert driven.machine.state is BreakerState.OPEN


def test_it_opens_at_the_rate_of_slow_calls(driven: Driven) -> None:
    """Right answers that take too long count against it."""
    driven.call(*[Outcome.SUCCESS] * 4, duration_s=1.0)
    expected = "4 of 4 calls took 1 s or more (100 %, limit 100 %)"
    assert driven.refused().reason == expected


def test_failures_may_be_slow_too() -> None:
    """A version that is slow or fails slowly has no fast call: as in resilience4j, that counts."""
    policy = BreakerPolicy(sliding_window_size=4, minimum_number_of_calls=4, slow_call_duration_s=1)
    driven = Driven(policy)
    driven.call(Outcome.FAILURE, *[Outcome.SUCCESS] * 3, duration_s=2.0)
    assert driven.machine.state is BreakerState.OPEN
    assert driven.machine.reason.startswith("4 of 4 calls took")


def test_a_window_smaller_than_the_least_number_of_calls_is_judged_when_full() -> None:
    """A breaker that could never open would be none."""
    driven = Driven(BreakerPolicy(sliding_window_size=3, minimum_number_of_calls=20))
    driven.call(*[Outcome.FAILURE] * 3)
    assert driven.machine.state is BreakerState.OPEN


def test_it_judges_the_last_seconds_where_the_policy_says_so() -> None:
    """Failures of long ago do not open it."""
    policy = BreakerPolicy(
        sliding_window_type=WindowType.TIME_BASED, sliding_window_size=10, minimum_number_of_calls=4
    )
    driven = Driven(policy)
    driven.call(*[Outcome.FAILURE] * 3)
    driven.now_s += 10.0
    driven.call(*[Outcome.FAILURE] * 3)
    assert driven.machine.state is BreakerState.CLOSED
    driven.call(Outcome.FAILURE)
    assert driven.machine.state is BreakerState.OPEN


@pytest.mark.parametrize("outcome", NEUTRAL)
def test_neutral_ends_change_nothing(driven: Driven, outcome: Outcome) -> None:
    """Neither the client's mistakes nor overload say anything of the model."""
    driven.call(*[outcome] * 50, duration_s=100.0)
    assert driven.machine.state is BreakerState.CLOSED
    assert driven.machine.counts(driven.now_s).total == 0
    assert driven.machine.typical_s is None


def test_it_waits_and_then_probes(driven: Driven) -> None:
    """Open for its time, then a few calls; who comes beyond them is refused."""
    driven.opened().now_s += 4.0
    assert not driven.machine.is_calling_useful(driven.now_s)
    assert driven.refused().retry_after_s == 1.0
    driven.now_s += 1.0
    assert driven.machine.is_calling_useful(driven.now_s)
    assert driven.machine.state is BreakerState.OPEN, "only asking moves it"
    probes = [driven.ticket() for _ in range(3)]
    refused = driven.refused()
    assert refused.state is BreakerState.HALF_OPEN
    assert refused.reason == "4 of 4 calls failed (100 %, limit 50 %)", "why it had opened"
    assert refused.retry_after_s == 1.0
    driven.end(probes[0], Outcome.FAILURE)
    assert driven.refused().state is BreakerState.HALF_OPEN, "each place is for one probe"
    assert driven.machine.counts(driven.now_s).total == 1
    assert driven.path() == ["open", "half_open"]


def test_good_probes_close_it(driven: Driven) -> None:
    """All probes are waited for; then it is closed with an empty window."""
    driven.half_opened().call(Outcome.SUCCESS, Outcome.FAILURE)
    assert driven.machine.state is BreakerState.HALF_OPEN
    driven.call(Outcome.SUCCESS)
    assert driven.path() == ["open", "half_open", "closed"]
    assert driven.machine.counts(driven.now_s).total == 0
    assert driven.machine.opened_s is None


def test_bad_probes_open_it_again(driven: Driven) -> None:
    """For the same time as before."""
    driven.half_opened().call(Outcome.FAILURE, Outcome.SUCCESS, Outcome.FAILURE)
    assert driven.path() == ["open", "half_open", "open"]
    assert driven.refused().retry_after_s == 5.0
    assert driven.machine.opened_s == driven.now_s


@pytest.mark.parametrize("outcome", NEUTRAL)
def test_a_probe_that_says_nothing_is_given_again(driven: Driven, outcome: Outcome) -> None:
    """Its place is free for the next, however often."""
    driven.half_opened().call(*[outcome] * 20)
    assert driven.machine.state is BreakerState.HALF_OPEN
    driven.call(*[Outcome.SUCCESS] * 3)
    assert driven.machine.state is BreakerState.CLOSED


def test_probes_that_do_not_end_open_it_again(driven: Driven) -> None:
    """A lost probe does not hold it for ever; its late end counts for nothing."""
    driven.half_opened()
    lost = [driven.ticket() for _ in range(3)]
    driven.now_s += 29.5
    assert driven.refused().retry_after_s == 0.5
    driven.now_s += 0.5
    assert driven.refused() == Refused(BreakerState.OPEN, "its probes did not end in time", 5.0)
    driven.now_s += 5.0
    driven.call(Outcome.SUCCESS)
    for ticket in lost:
        driven.end(ticket, Outcome.FAILURE)
    driven.call(*[Outcome.SUCCESS] * 2)
    assert driven.machine.state is BreakerState.CLOSED


def test_rare_callers_close_it_too(driven: Driven) -> None:
    """A version that is asked once a minute is not refused because its probes come slowly."""
    driven.half_opened()
    for _ in range(3):
        driven.call(Outcome.SUCCESS)
        driven.now_s += 60.0
    assert driven.path() == ["open", "half_open", "closed"]


def test_late_ends_of_an_older_period_count_for_nothing(driven: Driven) -> None:
    """What was sent before it opened is no probe."""
    old = [driven.ticket() for _ in range(10)]
    driven.half_opened()
    probe = driven.ticket()
    for ticket, outcome in zip(old, [*JUDGED, *NEUTRAL] * 3, strict=False):
        driven.end(ticket, outcome)
    assert driven.machine.state is BreakerState.HALF_OPEN
    driven.end(probe, Outcome.SUCCESS)
    driven.call(*[Outcome.SUCCESS] * 2)
    assert driven.machine.state is BreakerState.CLOSED


def test_a_ticket_ends_once(driven: Driven) -> None:
    """Whoever ends it again is not heard."""
    ticket = driven.ticket()
    for outcome in [Outcome.SUCCESS, *[Outcome.FAILURE] * 10]:
        driven.end(ticket, outcome)
    assert driven.machine.state is BreakerState.CLOSED
    assert driven.machine.counts(driven.now_s).total == 1


def test_a_dead_process_opens_it_at_once(driven: Driven) -> None:
    """One such sign is enough, also from a probe; it waits as it does otherwise."""
    driven.call(*[Outcome.SUCCESS] * 10)
    ticket = driven.ticket()
    driven.machine.open_at_once("its process has died", driven.now_s, ticket)
    driven.end(ticket, Outcome.FAILURE)
    assert driven.refused() == Refused(BreakerState.OPEN, "its process has died", 5.0)
    driven.now_s += 1.0
    driven.machine.open_at_once("it died again", driven.now_s)
    assert driven.refused().retry_after_s == 4.0, "open already"
    driven.now_s += 4.0
    probe = driven.ticket()
    driven.machine.open_at_once("its process has died", driven.now_s, probe)
    assert driven.path() == ["open", "half_open", "open"]


def test_a_version_that_was_loaded_anew_is_probed_at_once(driven: Driven) -> None:
    """It need not wait; and whoever saw the old process die says nothing of the new one."""
    witnesses = [driven.ticket() for _ in range(3)]
    driven.machine.open_at_once("its process has died", driven.now_s, witnesses[0])
    driven.machine.recovered(driven.now_s)
    driven.machine.open_at_once("its process has died", driven.now_s, witnesses[1])
    driven.call(*[Outcome.SUCCESS] * 3)
    driven.machine.open_at_once("its process has died", driven.now_s, witnesses[2])
    assert driven.path() == ["open", "half_open", "closed"]


def test_a_version_that_is_loaded_anew_while_it_is_probed_is_probed_anew(driven: Driven) -> None:
    """Probes of the old process are not waited for."""
    driven.half_opened()
    old = [driven.ticket() for _ in range(3)]
    driven.machine.recovered(driven.now_s)
    fresh = [driven.ticket() for _ in range(3)]
    for ticket in old:
        driven.end(ticket, Outcome.FAILURE)
    for ticket in fresh:
        driven.end(ticket, Outcome.SUCCESS)
    assert driven.path() == ["open", "half_open", "closed"]


def test_a_time_out_blames_a_model_that_had_time(driven: Driven) -> None:
    """Three times its typical duration; a whole second where none is known."""
    assert not driven.machine.timed_out_fairly(0.9)
    assert driven.machine.timed_out_fairly(1.0)
    driven.call(Outcome.SUCCESS, duration_s=0.5)
    assert not driven.machine.timed_out_fairly(1.4)
    assert driven.machine.timed_out_fairly(1.5)
    driven.call(*[Outcome.SUCCESS] * 200, duration_s=0.002)
    assert driven.machine.typical_s == pytest.approx(0.002, rel=0.01)
    assert not driven.machine.timed_out_fairly(0.05), "so little is lost to chance"
    assert driven.machine.timed_out_fairly(0.1)


def test_who_is_refused_beside_probes_comes_again_when_they_end(driven: Driven) -> None:
    """In the time that a call typically takes."""
    driven.call(Outcome.SUCCESS, duration_s=0.25)
    driven.machine.open_at_once("its process has died", driven.now_s)
    driven.machine.recovered(driven.now_s)
    for _ in range(3):
        driven.ticket()
    assert driven.refused().retry_after_s == 0.25
