"""How soon a process that died may be started again."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartBudget:
    """``burst`` restarts within ``window_s`` are immediate; each further one waits twice as long.

    The wait starts at ``base_delay_s`` and never exceeds ``max_delay_s``, so that a process that
    cannot start is tried for ever, but costs little.
    """

    burst: int = 3
    window_s: float = 60.0
    base_delay_s: float = 1.0
    max_delay_s: float = 30.0


def next_restart_delay_s(budget: RestartBudget, deaths_s: Sequence[float], now_s: float) -> float:
    """Seconds to wait before the next start, given when the process died (monotonic seconds)."""
    recent = sum(1 for died_s in deaths_s if now_s - died_s <= budget.window_s)
    over = recent - budget.burst
    if over <= 0:
        return 0.0
    return float(min(budget.max_delay_s, budget.base_delay_s * 2.0 ** (over - 1)))
