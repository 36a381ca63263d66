"""A model in Triton in simulated time: instances, a batcher, and more demand than it takes."""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from statistics import fmean

from control.core.adaptive_limit import AdaptiveLimit, TritonLoad, Window
from control.core.batch_times import BatchTime
from control.core.call_times import CallTimes

TURN_S = 0.25
TRANSIT_S = 0.0003


@dataclass
class Model:
    """A model; ``batch_s`` gives the seconds of a batch of so many rows."""

    batch_s: Callable[[int], float]
    most_rows: int = 1
    instances: int = 1
    slower: Callable[[float], float] = lambda _: 1.0


@dataclass
class Turn:
    """What one turn of a quarter of a second was like."""

    limit: int
    rate: float
    queue_s: float


@dataclass
class Simulation:
    """Runs a model under a limit with as many callers as the limit lets in, or ``callers``."""

    model: Model
    limit_of: Callable[[], int]
    learn: Callable[[Window, TritonLoad], None]
    callers: int = 1_000_000
    now_s: float = 0.0
    turns: list[Turn] = field(default_factory=list)
    _in_flight: int = 0
    _events: list[tuple[float, int, str, list[tuple[float, float]]]] = field(default_factory=list)
    _waiting: deque[tuple[float, float]] = field(default_factory=deque)
    _busy: int = 0
    _number: int = 0
    _chance: Random = field(default_factory=lambda: Random(7))

    def __post_init__(self) -> None:
        self._times = CallTimes(0.0)
        self._fresh()

    def run(self, seconds: float) -> list[Turn]:
        """Go on for so long and give the turns."""
        first, end_s = len(self.turns), self.now_s + seconds
        next_turn_s = self.now_s + TURN_S
        self._fill()
        while self.now_s < end_s:
            at_s, _, kind, requests = heapq.heappop(self._events)
            while next_turn_s <= at_s:
                self._turn(next_turn_s)
                next_turn_s += TURN_S
            self.now_s = at_s
            getattr(self, f"_{kind}")(requests)
        return self.turns[first:]

    def _fresh(self) -> None:
        self._requests, self._queue_s, self._compute_s = 0, 0.0, 0.0
        self._batches: dict[int, tuple[int, float]] = {}

    def _turn(self, now_s: float) -> None:
        rate = self._requests / TURN_S
        queue_s = self._queue_s / self._requests if self._requests else 0.0
        self.turns.append(Turn(self.limit_of(), rate, queue_s))
        window = self._times.turn(now_s)
        if window is not None:
            batches = tuple(BatchTime(rows, n, s) for rows, (n, s) in self._batches.items())
            load = TritonLoad(
                self._requests, self._requests, self._queue_s, self._compute_s, batches
            )
            self.learn(window, load)
        self._fresh()
        self._fill()

    def _at(self, at_s: float, kind: str, requests: list[tuple[float, float]]) -> None:
        self._number += 1
        heapq.heappush(self._events, (at_s, self._number, kind, requests))

    def _fill(self) -> None:
        while self._in_flight < min(self.limit_of(), self.callers):
            self._in_flight += 1
            self._times.most_in_flight = max(self._times.most_in_flight, self._in_flight)
            transit_s = TRANSIT_S * self._chance.uniform(0.5, 1.5)
            self._at(self.now_s + transit_s, "arrived", [(self.now_s, self.now_s + transit_s)])

    def _arrived(self, requests: list[tuple[float, float]]) -> None:
        self._waiting.extend(requests)
        self._execute()

    def _execute(self) -> None:
        while self._busy < self.model.instances and self._waiting:
            rows = min(len(self._waiting), self.model.most_rows)
            batch = [self._waiting.popleft() for _ in range(rows)]
            took_s = self.model.batch_s(rows) * self._chance.lognormvariate(0.0, 0.1)
            took_s *= self.model.slower(self.now_s)
            self._busy += 1
            count, seconds = self._batches.get(rows, (0, 0.0))
            self._batches[rows] = (count + 1, seconds + took_s)
            self._requests += rows
            self._compute_s += took_s * rows
            self._queue_s += sum(self.now_s - arrived_s for _, arrived_s in batch)
            self._at(self.now_s + took_s, "done", batch)

    def _done(self, requests: list[tuple[float, float]]) -> None:
        self._busy -= 1
        self._at(self.now_s + TRANSIT_S, "answered", requests)
        self._execute()

    def _answered(self, requests: list[tuple[float, float]]) -> None:
        for sent_s, _ in requests:
            self._in_flight -= 1
            self._times.succeeded(self.now_s - sent_s)
        self._fill()


def adaptive(model: Model, limit: AdaptiveLimit) -> Simulation:
    """A simulation under an adaptive limit with Triton's statistics."""
    return Simulation(model, lambda: limit.limit, limit.learn)


def by_round_trips(model: Model, limit: AdaptiveLimit) -> Simulation:
    """A simulation under an adaptive limit without Triton's statistics."""
    return Simulation(model, lambda: limit.limit, lambda window, _: limit.learn(window, None))


def best_fixed_rate(model: Model, seconds: float = 4.0) -> float:
    """The greatest rate that any fixed limit reaches."""
    rates = []
    limit = 1
    while limit <= 8 * model.most_rows * model.instances:
        simulation = Simulation(model, partial(int, limit), lambda _window, _load: None)
        rates.append(fmean(turn.rate for turn in simulation.run(seconds)[2:]))
        limit *= 2
    return max(rates)
