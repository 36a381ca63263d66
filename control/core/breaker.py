"""The breaker of one model version: whether it is called, judged by how its calls ended.

resilience4j's machine, with two differences. A call counts only in the period that it was given
leave in: what was sent before a move says nothing about the time after it. And a half-open breaker
opens again only while it waits for probes that do not end: with a place free, the next caller is a
probe, so that a version with few callers is not refused for being asked rarely.

One owner, no locks; time comes in. Moves are kept for the owner, who takes, logs and counts them.
"""

from typing import Final

from control.core.breaker_states import STATE_OF_MODE, BreakerState, Refused, Ticket, Transition
from control.core.call_window import CallCounts, open_window
from control.core.outcome import Outcome
from control.core.protection import BreakerMode, BreakerPolicy, WindowType

# Bound once: looking an enum's member up costs as much as a comparison.
_SUCCESS, _FAILURE = Outcome.SUCCESS, Outcome.FAILURE
_CLOSED, _OPEN, _HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
_FORCED_OPEN = BreakerState.FORCED_OPEN

#: How much a successful call's duration moves what is typical.
_SMOOTHING: Final = 0.1
#: A time-out blames the model that had three times its typical duration; shorter times than the
#: floor are lost to chance, and without any success nothing under a second is unusual.
_FAIR_FACTOR: Final = 3.0
_FAIR_FLOOR_S: Final = 0.1
_FAIR_UNKNOWN_S: Final = 1.0
#: When to ask again while probes are under way, if nothing is known of how long calls take.
_PROBE_S: Final = 1.0


class BreakerMachine:
    """Decides. Every ``ask`` that gives a ticket is answered by one ``end``."""

    def __init__(self, policy: BreakerPolicy) -> None:
        """Begin CLOSED."""
        self._policy, self._least_calls = policy, _least_calls(policy)
        self._window = open_window(policy)
        self._mode, self._epoch = BreakerMode.AUTOMATIC, 0
        self._transitions: list[Transition] = []
        self._period = 0
        self._probes, self._given, self._probed_s = CallCounts(), 0, 0.0
        self._due_s = 0.0
        self.state = _CLOSED
        self.reason = ""
        self.opened_s: float | None = None
        self.typical_s: float | None = None

    def ask(self, now_s: float) -> Ticket | Refused:
        """Give leave for one call, or say why not; time alone moves the state only here."""
        state = self.state
        if state is _CLOSED:
            return Ticket(self._period, now_s)
        if state is _OPEN and now_s >= self._due_s:
            self._move(_HALF_OPEN, "its wait is over", now_s)
        elif state is _OPEN or state is _FORCED_OPEN:
            return self._refuse(now_s)
        if self.state is _HALF_OPEN:
            return self._probe(now_s)
        return Ticket(self._period, now_s)

    def end(self, ticket: Ticket, outcome: Outcome, duration_s: float, now_s: float) -> None:
        """Learn how a call ended; a second end is none."""
        if ticket.ended:
            return
        ticket.ended = True
        current = ticket.period == self._period
        if outcome is _SUCCESS:
            typical_s = self.typical_s
            step_s = 0.0 if typical_s is None else _SMOOTHING * (duration_s - typical_s)
            self.typical_s = duration_s if typical_s is None else typical_s + step_s
        elif outcome is not _FAILURE:
            if current and self.state is _HALF_OPEN:
                self._given -= 1
            return
        if current:
            failed, slow = outcome is _FAILURE, duration_s >= self._policy.slow_call_duration_s
            self._count(now_s, failed=failed, slow=slow)

    def open_at_once(self, reason: str, now_s: float, ticket: Ticket | None = None) -> None:
        """Open, however few calls have failed.

        With the ``ticket`` of the call that saw why, only if that is not an old one: it may tell of
        a process that has been replaced since.
        """
        is_old = ticket is not None and ticket.period != self._period
        if not is_old and self.state in {_CLOSED, _HALF_OPEN}:
            self._move(_OPEN, reason, now_s)

    def recovered(self, now_s: float) -> None:
        """Probe at once: the version was loaded anew, and no call before that counts any more."""
        if self.state is _OPEN:
            self._move(_HALF_OPEN, "the version was loaded anew", now_s)
        else:
            self._begin(now_s)

    def order(self, mode: BreakerMode, epoch: int, now_s: float) -> None:
        """Do as an operator has ordered; an epoch that has grown is the order to forget."""
        if epoch > self._epoch:
            self.reset(now_s)
        self._epoch = epoch
        if mode is not self._mode:
            self._mode = mode
            self._move(STATE_OF_MODE[mode], "by an operator's order", now_s)

    def reset(self, now_s: float) -> None:
        """Forget the past; what a mode holds stays as it is."""
        self._window = open_window(self._policy)
        self.typical_s = None
        if self.state in {_OPEN, _HALF_OPEN}:
            self._move(_CLOSED, "reset by an operator", now_s)
        else:
            self._begin(now_s)

    def reconfigure(self, policy: BreakerPolicy, now_s: float) -> None:
        """Judge by another policy, from an empty window on; the state stays."""
        if policy == self._policy:
            return
        self._policy, self._least_calls = policy, _least_calls(policy)
        self._window = open_window(policy)
        if self.opened_s is not None:
            self._due_s = self.opened_s + policy.wait_duration_in_open_state_s
        if self.state is _HALF_OPEN:
            self._judge_probes(now_s)

    @property
    def has_news(self) -> bool:
        """Whether it has moved since the transitions were taken."""
        return bool(self._transitions)

    def take_transitions(self) -> tuple[Transition, ...]:
        """Give the transitions since the last time."""
        taken = tuple(self._transitions)
        self._transitions.clear()
        return taken

    def is_calling_useful(self, now_s: float) -> bool:
        """Whether a call might be given leave now; changes nothing."""
        state = self.state
        return state is not _FORCED_OPEN and (state is not _OPEN or now_s >= self._due_s)

    def timed_out_fairly(self, allowed_s: float) -> bool:
        """Whether a model that did not answer within ``allowed_s`` is to blame."""
        typical_s = self.typical_s
        if typical_s is None:
            return allowed_s >= _FAIR_UNKNOWN_S
        return allowed_s >= max(_FAIR_FACTOR * typical_s, _FAIR_FLOOR_S)

    def counts(self, now_s: float) -> CallCounts:
        """Give what the state is judged by: the probes, or the window; changes nothing."""
        if self.state is _HALF_OPEN:
            probes = self._probes
            return CallCounts(probes.total, probes.failed, probes.slow)
        return self._window.seen(now_s)

    def retry_after_s(self, now_s: float) -> float:
        """Seconds until it is worth asking again; 0 where it is worth it now."""
        policy = self._policy
        if self.state is _OPEN:
            return max(0.0, self._due_s - now_s)
        if self.state is _FORCED_OPEN:
            return policy.wait_duration_in_open_state_s
        if self.state is _HALF_OPEN and not self._has_place():
            patience_s = self._probed_s + policy.max_wait_duration_in_half_open_state_s - now_s
            return max(0.0, min(patience_s, self.typical_s or _PROBE_S))
        return 0.0

    def _probe(self, now_s: float) -> Ticket | Refused:
        if self._has_place():
            self._given += 1
            self._probed_s = now_s
            return Ticket(self._period, now_s)
        if now_s - self._probed_s >= self._policy.max_wait_duration_in_half_open_state_s:
            self._move(_OPEN, "its probes did not end in time", now_s)
        return self._refuse(now_s)

    def _refuse(self, now_s: float) -> Refused:
        return Refused(self.state, self.reason, self.retry_after_s(now_s))

    def _has_place(self) -> bool:
        return self._given < self._policy.permitted_number_of_calls_in_half_open_state

    def _count(self, now_s: float, *, failed: bool, slow: bool) -> None:
        state = self.state
        if state is _HALF_OPEN:
            self._probes.add(failed=failed, slow=slow)
            self._judge_probes(now_s)
        elif state is not BreakerState.DISABLED:
            window = self._window
            window.record(now_s, failed=failed, slow=slow)
            if state is _CLOSED and window.counts.total >= self._least_calls:
                reason = self._fault_of(window.counts)
                if reason:
                    self._move(_OPEN, reason, now_s)

    def _judge_probes(self, now_s: float) -> None:
        if self._probes.total < self._policy.permitted_number_of_calls_in_half_open_state:
            return
        reason = self._fault_of(self._probes)
        if reason:
            self._move(_OPEN, reason, now_s)
        else:
            self._move(_CLOSED, "its probes succeeded", now_s)

    def _fault_of(self, counts: CallCounts) -> str:
        policy, total = self._policy, counts.total
        if counts.failed * 100.0 >= policy.failure_rate_threshold * total:
            share = f"{counts.failed} of {total} calls failed"
            return _in_words(share, counts.failed / total, policy.failure_rate_threshold)
        if counts.slow * 100.0 >= policy.slow_call_rate_threshold * total:
            share = f"{counts.slow} of {total} calls took {policy.slow_call_duration_s:g} s or more"
            return _in_words(share, counts.slow / total, policy.slow_call_rate_threshold)
        return ""

    def _move(self, state: BreakerState, reason: str, now_s: float) -> None:
        self._transitions.append(Transition(self.state, state, reason))
        if state is _CLOSED:
            self._window = open_window(self._policy)
        elif state is _OPEN:
            self._due_s = now_s + self._policy.wait_duration_in_open_state_s
        if state is not _HALF_OPEN:  # why and when it opened remains of interest there
            self.reason = reason
            self.opened_s = now_s if state is _OPEN else None
        self.state = state
        self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        self._period += 1
        self._probes, self._given, self._probed_s = CallCounts(), 0, now_s


def _least_calls(policy: BreakerPolicy) -> int:
    if policy.sliding_window_type is WindowType.COUNT_BASED:
        return min(policy.minimum_number_of_calls, policy.sliding_window_size)
    return policy.minimum_number_of_calls


def _in_words(share: str, ratio: float, threshold: float) -> str:
    return f"{share} ({100.0 * ratio:.3g} %, limit {threshold:g} %)"
