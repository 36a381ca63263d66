"""The series of one canary, written down a few times a second."""

from enum import Enum

from control.core.judge_counts import CanaryEnd
from control.observability.rollout_metrics import RolloutMetrics
from control.observability.shared import NO_DATA
from control.observability.tallies import CounterTally


class ShadowResult(Enum):
    """What became of a copy of a request."""

    AGREED = "agreed"
    DISAGREED = "disagreed"
    FAILED = "failed"
    DROPPED = "dropped"


class CanarySeries:
    """Counts cheaply; ``write_down`` writes."""

    def __init__(self, metrics: RolloutMetrics, model: str, version: int) -> None:
        """Resolve the labels."""
        labels = (model, str(version))
        self.rerouted = CounterTally(metrics.canary_rerouted.labels(*labels))
        self.stopped = CounterTally(metrics.canary_stopped.labels(*labels))
        self.ends = {
            one: CounterTally(metrics.canary_requests.labels(*labels, one.name.lower()))
            for one in CanaryEnd
        }
        self.shadows = {
            one: CounterTally(metrics.shadow_answers.labels(*labels, one.value))
            for one in ShadowResult
        }
        self._weight = metrics.canary_weight.labels(*labels)

    def show_weight(self, percent: float) -> None:
        """Show the weight that is in force."""
        self._weight.set(percent)

    def hide(self) -> None:
        """Take the gauge back: the rollout is over."""
        self._weight.set(NO_DATA)
        self.write_down()

    def write_down(self) -> None:
        """Write down what has been counted."""
        for tally in (self.rerouted, self.stopped, *self.ends.values(), *self.shadows.values()):
            tally.flush()
