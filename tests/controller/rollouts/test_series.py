"""What operators can alert on: how each rollout stands, and how those before have ended."""

from dataclasses import replace

from prometheus_client import CollectorRegistry

from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.series import RolloutSeries
from control.core.rollout import Step, end, promote
from control.observability.rollout_metrics import RolloutOutcomes
from control.observability.shared import NO_DATA
from control.state.audit import Act
from tests.support.rollouts import canary

ACT = Act("test", "", 1.0)


def test_a_rollout_is_shown_while_it_lasts_and_counted_when_it_ends(store):
    """The phase that it has left is shown no more, and neither is one that another has ended."""
    registry = CollectorRegistry()
    book = RolloutBook(store.rollouts)
    series = RolloutSeries(RolloutOutcomes(registry), book)
    labels = {"model": "m", "outcome": "rolled_back"}

    def shown(phase: str) -> float | None:
        labels = {"model": "m", "version": "2", "phase": phase}
        return registry.get_sample_value("seawall_rollout_phase", labels)

    begun = book.commit(None, Step(replace(canary(), model="m"), "prepared", ""), ACT)
    series.show()
    assert shown("canary") == 1
    assert registry.get_sample_value("seawall_rollouts_total", labels) == 0
    promoted = book.commit(begun, promote(begun, "it is good", 2.0), ACT)
    series.show()
    assert (shown("canary"), shown("promoting")) == (NO_DATA, 1)
    book.commit(promoted, end(promoted, "it failed", 3.0), ACT)
    series.show()
    assert shown("promoting") == NO_DATA
    assert registry.get_sample_value("seawall_rollouts_total", labels) == 1
