"""What becomes of many more requests than a model can take, in simulated time."""

import asyncio
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

from prometheus_client import CollectorRegistry

from control.core.outcome import Outcome
from control.core.protection import Priority
from control.errors import ControlError
from control.gateway.protection.admission import AdmissionBoard, Ask, Permit
from control.observability.metrics import GatewayMetrics
from tests.gateway.protection.admission_desk import Clock, stop, view_of

HIGH, NORMAL = Priority.HIGH, Priority.NORMAL
CAPACITY = 200.0
DEADLINE_S = 0.4


@dataclass(frozen=True)
class Told:
    """What one caller was told, and when."""

    ask: Ask
    came_s: float
    told_s: float
    answered: bool


@dataclass
class Simulation:
    """A model of one instance that answers 200 requests a second, each alone."""

    limit: int = 8
    slower: Callable[[float], float] = lambda _: 1.0
    told: list[Told] = field(default_factory=list)
    _chance: Random = field(default_factory=lambda: Random(5))
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    _free_s: float = 0.0
    _callers: list[asyncio.Task[bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = Clock(0.0)
        self.board = AdmissionBoard(GatewayMetrics(CollectorRegistry()), clock=self.clock)
        self.admission = self.board.of(view_of(self.limit))

    async def run(self, arrivals: list[tuple[float, Ask]]) -> None:
        """Let them all come, each at its time, and wait until all is over."""
        for when_s, ask in arrivals:
            self._at(when_s, lambda ask=ask: self._start(ask))  # type: ignore[misc]
        await self._go_on()

    async def run_closed(self, callers: int, calls: int, time_s: float) -> None:
        """Let so many callers come, each again as soon as it has its answer."""

        async def caller() -> bool:
            return all([await self._call(self._ask(time_s)) for _ in range(calls)])

        self._callers += [asyncio.create_task(caller()) for _ in range(callers)]
        await asyncio.sleep(0)
        await self._go_on()

    async def _go_on(self) -> None:
        next_turn_s = self.clock.now_s
        while self._events or self.admission.queued:
            self._step()
            if self.clock.now_s >= next_turn_s:
                self.admission.turn(None)
                next_turn_s = self.clock.now_s + 0.25
            for _ in range(3):
                await asyncio.sleep(0)
        await asyncio.gather(*self._callers)
        stop(self.admission)

    def _step(self) -> None:
        due_s = self.admission._line.next_due_s()
        if due_s is not None and (not self._events or due_s < self._events[0][0]):
            self.clock.now_s = max(self.clock.now_s, due_s)
            self.admission.expire()
        else:
            self.clock.now_s, _, what = heapq.heappop(self._events)
            what()

    def _ask(self, time_s: float) -> Ask:
        return Ask("acme", NORMAL, self.clock.now_s + time_s)

    def _at(self, when_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when_s, next(self._numbers), what))

    def _start(self, ask: Ask) -> None:
        self._callers.append(asyncio.create_task(self._call(ask)))

    async def _call(self, ask: Ask) -> bool:
        came_s = self.clock.now_s
        try:
            permit = await self.admission.enter(ask)
        except ControlError:
            self.told.append(Told(ask, came_s, self.clock.now_s, answered=False))
            return False
        over = asyncio.get_running_loop().create_future()
        noise = self._chance.lognormvariate(0.0, 0.3) / 1.046
        began_s = max(self._free_s, self.clock.now_s)
        self._free_s = began_s + noise * self.slower(began_s) / CAPACITY
        self._at(self._free_s, lambda: over.set_result(None))
        await over
        return self._end(permit, ask, came_s)

    def _end(self, permit: Permit, ask: Ask, came_s: float) -> bool:
        in_time = self.clock.now_s <= ask.deadline_s
        permit.end(Outcome.SUCCESS if in_time else Outcome.DROPPED)
        self.told.append(Told(ask, came_s, self.clock.now_s, in_time))
        return in_time

    def goodput(self, from_s: float, to_s: float) -> int:
        """Right answers in time, that were given in this time."""
        return sum(one.answered and from_s <= one.told_s < to_s for one in self.told)

    def refused(self, after_s: float = 0.0) -> list[Told]:
        """All that got no answer of those who came after this."""
        return [one for one in self.told if not one.answered and one.came_s >= after_s]

    def share_at_entry(self) -> float:
        """The part of all refusals that came at once."""
        refused = self.refused()
        return sum(one.told_s == one.came_s for one in refused) / len(refused)


def arrivals(
    rate_of: Callable[[float], float],
    seconds: float,
    tenants: str = "abcd",
    *,
    high_rate: float = 0.0,
) -> list[tuple[float, Ask]]:
    """Requests that come independently of each other, so many a second."""
    chance, now_s, made = Random(3), 0.0, []
    while now_s < seconds:
        rate = rate_of(now_s) + high_rate
        now_s += chance.expovariate(rate)
        priority = HIGH if chance.random() < high_rate / rate else NORMAL
        made.append((now_s, Ask(chance.choice(tenants), priority, now_s + DEADLINE_S)))
    return made


async def test_a_patient_burst_is_answered_whole() -> None:
    """A thousand at once with a minute each, at a model of 200 a second: all get their answer."""
    for quiet_s in (0.0, 2.0):
        simulation = Simulation()
        before = arrivals(lambda _: 60.0, quiet_s) if quiet_s else []
        burst = [(quiet_s, Ask("acme", NORMAL, quiet_s + 60.0))] * 1000
        await simulation.run([*before, *burst])
        assert simulation.refused() == []


async def test_ten_times_too_many_cost_no_goodput() -> None:
    """As many as the model can answer are; the others hear at once, and high priority is served."""
    simulation = Simulation()
    await simulation.run(arrivals(lambda _: 10 * CAPACITY, 10.0, high_rate=0.2 * CAPACITY))
    assert simulation.goodput(0.0, 10.0) >= 0.95 * CAPACITY * 10.0
    assert simulation.share_at_entry() >= 0.99
    assert max(one.told_s - one.came_s for one in simulation.told) <= DEADLINE_S
    assert all(one.answered for one in simulation.told if one.ask.priority is HIGH)


async def test_twice_too_many_cost_no_goodput() -> None:
    """Whether from one tenant or many, and while some matter more."""
    for tenants in ("a", "aaaaaaaaab", "abcdefghijklmnopqrstuvwxyz"):
        simulation = Simulation()
        asked = arrivals(lambda _: 2 * CAPACITY, 10.0, tenants, high_rate=0.2 * CAPACITY)
        await simulation.run(asked)
        assert simulation.goodput(0.0, 10.0) >= 0.95 * CAPACITY * 10.0
        assert simulation.share_at_entry() >= 0.99
        assert all(one.answered for one in simulation.told if one.ask.priority is HIGH)


async def test_a_sudden_overload_is_known_soon() -> None:
    """A model that has had little to do looks faster than it is, for some tenths of a second."""
    simulation = Simulation()
    await simulation.run(arrivals(lambda s: 60.0 if s < 3.0 else 10 * CAPACITY, 6.0))
    assert simulation.goodput(3.0, 6.0) >= 0.95 * CAPACITY * 3.0
    slow = [one for one in simulation.refused() if one.told_s > one.came_s]
    assert len(slow) <= 0.3 * CAPACITY
    assert max(one.came_s for one in slow) < 3.3


async def test_a_model_that_becomes_slower_goes_on_answering() -> None:
    """Of what it can do then, nearly all is of use; and afterwards all is as before."""
    simulation = Simulation(slower=lambda now_s: 1.3 if 3.0 <= now_s < 6.0 else 1.0)
    await simulation.run(arrivals(lambda _: 10 * CAPACITY, 9.0))
    assert simulation.goodput(3.0, 6.0) >= 0.9 * CAPACITY / 1.3 * 3.0
    assert simulation.goodput(6.0, 9.0) >= 0.95 * CAPACITY * 3.0


async def test_when_the_load_falls_nobody_is_refused() -> None:
    """A second below capacity, and the overload is forgotten."""
    simulation = Simulation()
    await simulation.run(arrivals(lambda s: (10 if s < 4.0 else 0.9) * CAPACITY, 12.0))
    assert simulation.refused(after_s=4.0)
    assert simulation.refused(after_s=5.0) == []


async def test_callers_who_wait_for_their_answers_are_all_served() -> None:
    """Twice as many callers as places is no overload: nobody is refused, nobody waits for long."""
    simulation = Simulation(limit=32)
    await simulation.run_closed(callers=64, calls=50, time_s=60.0)
    assert simulation.refused() == []
    assert max(one.told_s - one.came_s for one in simulation.told) <= 2.0 * 64 / CAPACITY
