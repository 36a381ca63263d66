"""Calls of stable and of a canary, told to a judge one by one."""

from dataclasses import replace

from control.core.canary_judge import LiveJudge
from control.core.canary_policy import CanaryPolicy, JudgePolicy, ShadowPolicy
from control.core.judge_counts import CanaryEnd

POLICY = CanaryPolicy()
TIMED = replace(POLICY, judge=JudgePolicy(max_duration_s=0.1, max_duration_ratio=1.5))
SHADOWED = replace(POLICY, shadow=ShadowPolicy(percent=10.0, min_agreement=0.9))
FAST_S, SLOW_S = 0.01, 1.0


class Gateway:
    """A judge that is told of calls, ten a second."""

    def __init__(self, policy: CanaryPolicy = POLICY) -> None:
        """Begin with no call."""
        self.live = LiveJudge(policy)
        self._now_s = 0.0

    def stable(self, calls: int = 1, *, failed: bool = False, duration_s: float = FAST_S) -> None:
        """Let calls of stable end."""
        for _ in range(calls):
            self.live.stable_ended(failed=failed, duration_s=duration_s)

    def canary(self, end: CanaryEnd, calls: int = 1, duration_s: float = FAST_S) -> None:
        """Let calls of the canary end."""
        for _ in range(calls):
            self._now_s += 0.1
            assert self.live.canary_ended(end, duration_s, self._now_s) is self.live.failing

    def happens(self, event: str | CanaryEnd, duration_s: float) -> None:
        """Let something happen."""
        if isinstance(event, CanaryEnd):
            self.canary(event, duration_s=duration_s)
        elif event.startswith("stable"):
            self.stable(failed=event != "stable", duration_s=duration_s)
        else:
            assert self.live.compared(agreed=event == "agreed") is self.live.failing

    @property
    def reason(self) -> str:
        """Why it is failing."""
        assert self.live.failing is not None
        return self.live.failing.reason


def good_gateway(policy: CanaryPolicy = POLICY) -> Gateway:
    """A gateway with a hundred good calls of both."""
    gateway = Gateway(policy)
    for _ in range(100):
        gateway.stable(4)
        gateway.canary(CanaryEnd.SUCCESS)
    return gateway
