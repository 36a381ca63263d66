"""How long the steps of rollouts have lasted, and how many calls were judged in them.

Both as far as one driver can vouch for: clocks are set, gateways count anew when they start, and a
driver that starts has not heard yet what gateways have stopped meanwhile.
"""

from dataclasses import dataclass
from typing import Final

from control.core.rollout_record import Rollout

#: Gateways report a few times a second: so long after a driver's start it has heard of all.
HEARD_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class StepSeen:
    """For how long a step is known to have lasted, and its judged calls."""

    lasted_s: float = 0.0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class _Watch:
    """``from_s`` is when the step began, by the clock that nobody sets."""

    since_s: float
    from_s: float
    calls: int | None = None


class StepWatch:
    """Belongs to one driver."""

    def __init__(self, now_s: float) -> None:
        """Begin; ``now_s`` is by a clock that only goes forward."""
        self._began_s = now_s
        self._watches: dict[str, _Watch] = {}

    def look(self, rollout: Rollout, calls: int, wall_s: float, now_s: float) -> StepSeen:
        """Look at a rollout whose canary has been judged by ``calls`` in all."""
        watch = self._watches.get(rollout.rollout)
        if watch is None or watch.since_s != rollout.step_since_s:
            # Only for what passed before, nobody has another clock than the one on the wall.
            before_s = max(0.0, wall_s - rollout.step_since_s)
            watch = _Watch(rollout.step_since_s, now_s - before_s)
        is_heard = now_s - self._began_s >= HEARD_S
        if is_heard and (watch.calls is None or calls < watch.calls):
            watch = _Watch(watch.since_s, watch.from_s, calls)
        self._watches[rollout.rollout] = watch
        if not is_heard or watch.calls is None:
            return StepSeen()
        return StepSeen(now_s - watch.from_s, calls - watch.calls)

    def forget_others(self, rollouts: set[str]) -> None:
        """Forget rollouts that have ended."""
        for name in self._watches.keys() - rollouts:
            del self._watches[name]
