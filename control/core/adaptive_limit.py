"""How many requests one model version should have in flight.

Gradient2 (Netflix concurrency-limits) grows a limit by its square root while latency stays what it
was. Dynamic batching raises latency by design, so that where Triton's own statistics are known the
limit is judged by them instead: one useful batch at work and one waiting for each instance keep a
batcher fed, so a request need not be in Triton for longer than two useful batches take. More is
queueing that only costs time. By Little's law this is a limit of two useful batches an instance,
without a need to know how many rows a request has or how many instances there are.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

from control.core.batch_times import LEAST_S, BatchTime, BatchTimes
from control.core.protection import ConcurrencyPolicy

#: Gradient2's constants.
_SMOOTHING: Final = 0.2
_LEAST_GRADIENT: Final = 0.5
_LONG_WINDOW: Final = 600
_WARM_UP: Final = 10
_LONG_IS_STALE: Final = 2.0
_LONG_DECAY: Final = 0.9
#: Without Triton's statistics a limit does not grow beyond Gradient2's own: round trips alone
#: cannot tell a long queue that has always been there from a slow model.
_MOST_BY_ROUND_TRIPS: Final = 200
#: The most that a limit loses in one window for calls that were dropped.
_MOST_LOST: Final = 0.1
#: How much smaller batches are tried, when those of now are the smallest that are known.
_LESS_TO_TRY: Final = 0.5
#: Queueing that nobody notices, though it may be long beside a tiny model's time.
_SLACK_S: Final = 0.001
_LEAST_INITIAL, _MOST_INITIAL = 8, 200


@dataclass(frozen=True, slots=True)
class ServerShape:
    """What Triton's config says of a version; the batcher waits ``batch_delay_s`` for more rows."""

    max_batch_size: int = 0
    instances: int = 1
    batch_delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """What came back in one window of traffic: ``rtt_s`` is the mean of the right answers."""

    ends: int
    drops: int
    rtt_s: float
    most_in_flight: float


@dataclass(frozen=True, slots=True)
class TritonLoad:
    """Triton's own numbers of the same window; the seconds are sums over its requests."""

    requests: int
    rows: int
    queue_s: float
    compute_s: float
    batches: tuple[BatchTime, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether there is anything to judge by."""
        return self.requests > 0 and self.compute_s / self.requests >= LEAST_S

    def with_more(self, later: "TritonLoad") -> "TritonLoad":
        """Give the numbers of both."""
        return TritonLoad(
            self.requests + later.requests,
            self.rows + later.rows,
            self.queue_s + later.queue_s,
            self.compute_s + later.compute_s,
            self.batches + later.batches,
        )


class AdaptiveLimit:
    """The limit, of all gateway workers together. It is told of windows, never of requests."""

    def __init__(self, policy: ConcurrencyPolicy, shape: ServerShape) -> None:
        """Begin where ``policy`` says, or at two whole batches for each instance."""
        self._policy, self._shape = policy, shape
        initial = policy.initial
        if initial is None:
            whole = 2 * max(1, shape.max_batch_size) * shape.instances
            initial = min(max(whole, _LEAST_INITIAL), _MOST_INITIAL)
        self._estimate = self._clamped(float(initial))
        self._batches = BatchTimes()
        self._long_rtt_s = 0.0
        self._long_count = 0

    def __repr__(self) -> str:
        """One line for logs and tests."""
        kind = "adaptive" if self._policy.fixed is None else "fixed"
        return f"<AdaptiveLimit {kind} {self.limit}>"

    @property
    def limit(self) -> int:
        """The most requests that should be in flight."""
        return self._policy.fixed or int(self._estimate)

    @property
    def useful_batch(self) -> float | None:
        """The rows of the smallest batch that is nearly as good as the best, if known."""
        useful = self._batches.useful()
        return useful.rows if useful else None

    def reconfigure(self, policy: ConcurrencyPolicy, shape: ServerShape) -> None:
        """Go on under another policy with what has been learned."""
        self._policy, self._shape = policy, shape
        self._estimate = self._clamped(self._estimate)

    def learn(self, window: Window, load: TritonLoad | None) -> None:
        """Judge one window; ``load`` None leaves the round trips to judge by."""
        gradient, most = self._gradient(window, load)
        estimate = self._estimate
        if window.most_in_flight >= estimate / 2:  # else the limit was not what held them back
            grown = estimate * gradient + sqrt(estimate)
            smoothed = estimate + _SMOOTHING * (grown - estimate)
            estimate = min(smoothed, max(estimate, most))
        if window.drops:
            # In proportion, so that one client's impatience does not take everyone's places.
            estimate *= 1.0 - min(_MOST_LOST, window.drops / window.ends)
        self._estimate = self._clamped(estimate)

    def _gradient(self, window: Window, load: TritonLoad | None) -> tuple[float, float]:
        """Give how much of the limit to keep, and up to where it may grow on this evidence."""
        gradient, most = 1.0, float(self._policy.most)
        if load is not None and load.tells:
            self._batches.learn(load.batches)
            took_s = (load.queue_s + load.compute_s) / load.requests
            gradient = self._enough_s(load) / took_s
        elif window.rtt_s > 0.0:
            gradient, most = self._rtt_gradient(window.rtt_s), float(_MOST_BY_ROUND_TRIPS)
        return max(_LEAST_GRADIENT, min(1.0, gradient)), most

    def _enough_s(self, load: TritonLoad) -> float:
        """Give how long a request has to be in Triton for its instances to be always busy."""
        useful = self._batches.useful()
        if useful is None:
            batch_s = load.compute_s / load.requests
        else:
            # Where all batches are large, smaller ones are tried; but a request is not divided.
            share = _LESS_TO_TRY if useful.untried else 1.0
            batch_s = useful.seconds * max(share, load.rows / load.requests / useful.rows)
        return 2.0 * batch_s + self._shape.batch_delay_s + _SLACK_S

    def _rtt_gradient(self, rtt_s: float) -> float:
        self._long_count += 1
        share = 1.0 / self._long_count if self._long_count <= _WARM_UP else 2.0 / (_LONG_WINDOW + 1)
        self._long_rtt_s += share * (rtt_s - self._long_rtt_s)
        long_rtt_s = self._long_rtt_s
        if long_rtt_s / rtt_s > _LONG_IS_STALE:
            self._long_rtt_s *= _LONG_DECAY
        return long_rtt_s / rtt_s

    def _clamped(self, estimate: float) -> float:
        """Keep to the policy; fewer requests than instances would leave some idle for nothing."""
        least = max(self._policy.least, self._shape.instances)
        return max(min(max(estimate, least), self._policy.most), 1.0)
