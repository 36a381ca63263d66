"""A waiting line holds its rules in any order of what can happen to it."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from control.core.protection import Priority, QueuePolicy
from control.core.waiting_lane import Waiter
from control.core.waiting_line import Shed, WaitingLine
from tests.core.line_of_names import HIGH


class LineMachine(RuleBasedStateMachine):
    """Any order of everything that can happen to a line."""

    @initialize(
        size=st.integers(0, 6), target_s=st.none() | st.just(0.005), interval_s=st.just(0.1)
    )
    def begin(self, size: int, target_s: float | None, interval_s: float) -> None:
        """Begin with some policy."""
        self.line = WaitingLine[int](QueuePolicy(size, target_s, interval_s))
        self.now_s = 0.0
        self.waiting: dict[int, Waiter[int]] = {}
        self.number = 0

    @rule(
        tenant=st.sampled_from("ab"), priority=st.sampled_from(Priority), time_s=st.floats(0.01, 2)
    )
    def join(self, tenant: str, priority: Priority, time_s: float) -> None:
        """Somebody comes; whoever is pushed out matters no more than they."""
        self.number += 1
        newcomer = Waiter(self.number, tenant, priority, self.now_s + time_s, self.now_s)
        pushed = self.line.join(newcomer)
        self.waiting[self.number] = newcomer
        if pushed is not None:
            assert pushed.priority >= priority
            del self.waiting[pushed.item]

    @precondition(lambda self: self.waiting)
    @rule()
    def serve(self) -> None:
        """Somebody gets a place: nobody who waits matters more."""
        waiter = self.line.next_waiter(self.now_s)
        assert waiter.priority == min(one.priority for one in self.waiting.values())
        self.line.serve(waiter)
        del self.waiting[waiter.item]

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Somebody is not there any more."""
        self.line.leave(self.waiting.pop(data.draw(st.sampled_from(sorted(self.waiting)))))

    @rule(seconds=st.floats(0.001, 0.5))
    def wait(self, seconds: float) -> None:
        """Time goes by: nobody stays beyond a deadline, nobody high is shed."""
        self.now_s += seconds
        for waiter, reason in self.line.take_due(self.now_s):
            del self.waiting[waiter.item]
            assert reason is Shed.DEADLINE or waiter.priority is not HIGH
            assert (reason is Shed.DEADLINE) == (self.now_s >= waiter.deadline_s)
        assert all(one.deadline_s > self.now_s for one in self.waiting.values())

    @invariant()
    def nobody_is_lost(self) -> None:
        """The line holds exactly those who have not come to an end, and never too many."""
        if hasattr(self, "line"):
            assert self.line.size == len(self.waiting)
            assert self.line.size <= self.line.policy.max_queue_size
            assert sum(len(lane.waiters) for lane in self.line._lanes) == self.line.size
            assert all(one.waiting for one in self.waiting.values())


TestLineMachine = LineMachine.TestCase
