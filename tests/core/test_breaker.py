"""The breaker's machine."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from control.core.breaker import BreakerMachine
from control.core.breaker_states import TRANSITIONS, BreakerState, Refused, Ticket
from control.core.outcome import Outcome
from control.core.protection import BreakerMode, BreakerPolicy, WindowType

SMALL = BreakerPolicy(
    sliding_window_size=10,
    minimum_number_of_calls=4,
    slow_call_duration_s=1.0,
    wait_duration_in_open_state_s=5.0,
    permitted_number_of_calls_in_half_open_state=3,
    max_wait_duration_in_half_open_state_s=30.0,
)
JUDGED = (Outcome.SUCCESS, Outcome.FAILURE)
NEUTRAL = (Outcome.DROPPED, Outcome.IGNORED)


class Driven:
    """A machine and its clock."""

    def __init__(self, policy: BreakerPolicy = SMALL) -> None:
        self.machine = BreakerMachine(policy)
        self.now_s = 100.0

    def ask(self) -> Ticket | Refused:
        """Ask for leave."""
        return self.machine.ask(self.now_s)

    def ticket(self) -> Ticket:
        """Ask for leave, and get it."""
        given = self.ask()
        assert isinstance(given, Ticket)
        return given

    def refused(self) -> Refused:
        """Ask for leave, and get none."""
        given = self.ask()
        assert isinstance(given, Refused)
        return given

    def end(self, ticket: Ticket, outcome: Outcome, duration_s: float = 0.01) -> None:
        """End a call."""
        self.machine.end(ticket, outcome, duration_s, self.now_s)

    def call(self, *outcomes: Outcome, duration_s: float = 0.01) -> None:
        """Make calls, one after the other."""
        for outcome in outcomes:
            self.end(self.ticket(), outcome, duration_s)

    def opened(self) -> "Driven":
        """Open it by failures."""
        self.call(*[Outcome.FAILURE] * 4)
        assert self.machine.state is BreakerState.OPEN
        return self

    def half_opened(self) -> "Driven":
        """Open it, and wait until the first probe may go."""
        self.opened().now_s += SMALL.wait_duration_in_open_state_s
        return self

    def path(self) -> list[str]:
        """The states that it has come to since the last time."""
        has_news = self.machine.has_news
        moved = [one.after.value for one in self.machine.take_transitions()]
        assert has_news == bool(moved)
        return moved


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


POLICIES = st.builds(
    BreakerPolicy,
    failure_rate_threshold=st.sampled_from([1.0, 50.0, 100.0]),
    slow_call_rate_threshold=st.sampled_from([1.0, 50.0, 100.0]),
    slow_call_duration_s=st.sampled_from([0.5, 60.0]),
    sliding_window_type=st.sampled_from(WindowType),
    sliding_window_size=st.integers(1, 8),
    minimum_number_of_calls=st.integers(1, 10),
    wait_duration_in_open_state_s=st.sampled_from([0.1, 5.0]),
    permitted_number_of_calls_in_half_open_state=st.integers(1, 4),
    max_wait_duration_in_half_open_state_s=st.sampled_from([0.1, 30.0]),
)


class AnyLife(RuleBasedStateMachine):
    """A breaker under any calls, orders, reloads and waits."""

    tickets: Bundle[Ticket] = Bundle("tickets")

    @initialize(policy=POLICIES)
    def begin(self, policy: BreakerPolicy) -> None:
        """Any policy."""
        self.policy = policy
        self.driven = Driven(policy)
        self.machine = self.driven.machine
        self.epoch = 0
        self.mode = BreakerMode.AUTOMATIC
        self.last = BreakerState.CLOSED
        self.under_way: list[Ticket] = []

    @rule(target=tickets)
    def ask(self) -> Ticket:
        """Whoever asks is given leave or told when to come again; readiness has told the truth."""
        was_useful = self.machine.is_calling_useful(self.driven.now_s)
        given = self.driven.ask()
        if isinstance(given, Ticket):
            assert was_useful
            self.under_way.append(given)
            self.check_probes()
            return given
        assert given.state in {
            BreakerState.OPEN,
            BreakerState.HALF_OPEN,
            BreakerState.FORCED_OPEN,
        }
        assert given.retry_after_s >= 0.0
        spent = Ticket(-1, 0.0)
        spent.ended = True
        return spent

    @rule(ticket=consumes(tickets), outcome=st.sampled_from(JUDGED), slow=st.booleans())
    def end(self, ticket: Ticket, outcome: Outcome, slow: bool) -> None:
        """A call ends; one of an older period counts for nothing."""
        is_old = ticket.period != self.machine._period
        before = (self.machine.state, self.machine.counts(self.driven.now_s))
        self.driven.end(ticket, outcome, 1.0 if slow else 0.01)
        after = (self.machine.state, self.machine.counts(self.driven.now_s))
        assert after == before or not is_old

    @rule(ticket=consumes(tickets), outcome=st.sampled_from(NEUTRAL))
    def end_neutrally(self, ticket: Ticket, outcome: Outcome) -> None:
        """A call ends that says nothing: neither state nor counts move."""
        now_s = self.driven.now_s
        before = (self.machine.state, self.machine.counts(now_s), self.machine.typical_s)
        self.driven.end(ticket, outcome)
        assert (self.machine.state, self.machine.counts(now_s), self.machine.typical_s) == before

    @rule(ticket=tickets, outcome=st.sampled_from(Outcome))
    def end_again(self, ticket: Ticket, outcome: Outcome) -> None:
        """A call ends twice: the second time is none."""
        self.driven.end(ticket, Outcome.IGNORED)
        before = (self.machine.state, self.machine.counts(self.driven.now_s))
        self.driven.end(ticket, outcome)
        assert (self.machine.state, self.machine.counts(self.driven.now_s)) == before

    @rule(seconds=st.sampled_from([0.05, 1.0, 5.0, 31.0]))
    def wait(self, seconds: float) -> None:
        """Time goes on."""
        self.driven.now_s += seconds

    @rule(ticket=st.none() | tickets)
    def die(self, ticket: Ticket | None) -> None:
        """The model's process is seen dead."""
        self.machine.open_at_once("its process has died", self.driven.now_s, ticket)

    @rule()
    def load_anew(self) -> None:
        """The version is loaded anew."""
        self.machine.recovered(self.driven.now_s)

    @rule(mode=st.sampled_from(BreakerMode), grows=st.booleans())
    def order(self, mode: BreakerMode, grows: bool) -> None:
        """An operator orders something."""
        self.mode = mode
        self.epoch += grows
        self.machine.order(mode, self.epoch, self.driven.now_s)
        if mode is not BreakerMode.AUTOMATIC:
            assert self.machine.state.value == mode.value

    @rule(policy=POLICIES)
    def change(self, policy: BreakerPolicy) -> None:
        """The contract changes."""
        self.policy = policy
        self.machine.reconfigure(policy, self.driven.now_s)

    @rule()
    def come_back(self) -> None:
        """From wherever it is, time and successes close it, unless an operator has it otherwise."""
        if self.mode is not BreakerMode.AUTOMATIC:
            return
        permitted = self.policy.permitted_number_of_calls_in_half_open_state
        for _ in range(permitted + 2):
            if self.machine.state is BreakerState.CLOSED:
                return
            self.driven.now_s += 31.0
            asked = [self.driven.ask() for _ in range(permitted + 1)]
            probes = [one for one in asked if isinstance(one, Ticket)]
            assert len(probes) <= permitted
            for probe in probes:
                self.driven.end(probe, Outcome.SUCCESS)
        assert self.machine.state is BreakerState.CLOSED

    @invariant()
    def moves_along_the_table(self) -> None:
        """Each transition begins where the last one ended, and is in the table."""
        for transition in self.machine.take_transitions():
            assert transition.before is self.last
            assert transition.after in TRANSITIONS[transition.before]
            self.last = transition.after
        assert self.machine.state is self.last

    def check_probes(self) -> None:
        """In HALF_OPEN, no more probes are out or judged than are permitted."""
        if self.machine.state is BreakerState.HALF_OPEN:
            period = self.under_way[-1].period
            out = [one for one in self.under_way if one.period == period and not one.ended]
            judged = self.machine.counts(self.driven.now_s).total
            assert len(out) + judged <= self.policy.permitted_number_of_calls_in_half_open_state


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
