"""A breaker's machine that tests drive step by step, with its clock."""

from control.core.breaker import BreakerMachine
from control.core.breaker_states import BreakerState, Refused, Ticket
from control.core.outcome import Outcome
from control.core.protection import BreakerPolicy

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
