"""The breaker's machine moves only along its table, whatever happens."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from control.core.breaker_states import STATE_OF_MODE, BreakerState, Ticket
from control.core.outcome import Outcome
from control.core.protection import BreakerMode, BreakerPolicy, WindowType
from tests.core.breaker_steps import JUDGED, NEUTRAL, Driven

ORDERED = set(STATE_OF_MODE.values()) - {BreakerState.CLOSED}
#: Every move there is. OPEN comes to CLOSED only by an operator's reset.
TABLE = {
    BreakerState.CLOSED: ORDERED | {BreakerState.OPEN},
    BreakerState.OPEN: ORDERED | {BreakerState.HALF_OPEN, BreakerState.CLOSED},
    BreakerState.HALF_OPEN: ORDERED | {BreakerState.OPEN, BreakerState.CLOSED},
    BreakerState.FORCED_OPEN: (ORDERED - {BreakerState.FORCED_OPEN}) | {BreakerState.CLOSED},
    BreakerState.DISABLED: (ORDERED - {BreakerState.DISABLED}) | {BreakerState.CLOSED},
    BreakerState.METRICS_ONLY: (ORDERED - {BreakerState.METRICS_ONLY}) | {BreakerState.CLOSED},
}

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
            assert transition.after in TABLE[transition.before]
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
