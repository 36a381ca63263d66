"""What gateways report of canaries, pooled."""

from control.controller.rollouts.reports import CanaryReports
from control.core.judge_counts import JudgeCounts
from control.link.events import CanaryReport


def report(gateway: str, calls: int, *, stopped: str = "", at: float = 0.0) -> CanaryReport:
    """A report of one gateway."""
    return CanaryReport(gateway, "m", "attempt", 2, JudgeCounts(calls=calls), stopped, at)


def test_a_report_replaces_the_one_before_of_its_gateway():
    """They are cumulative: losing one costs nothing."""
    reports = CanaryReports(lambda _: None)
    reports.hear(report("1", 3))
    reports.hear(report("1", 5))
    reports.hear(report("2", 4))
    assert reports.counts("attempt").calls == 9
    assert reports.counts("another").calls == 0


def test_the_first_stop_is_the_reason():
    """Whoever stops wakes up the driver, as often as it says so."""
    woken: list[str] = []
    reports = CanaryReports(woken.append)
    reports.hear(report("1", 3))
    assert woken == []
    reports.hear(report("2", 9, stopped="later", at=7.0))
    reports.hear(report("1", 4, stopped="first", at=5.0))
    assert woken == ["m", "m"]
    assert reports.stopped("attempt") == "first"
    assert reports.stopped("another") == ""


def test_ended_attempts_are_forgotten():
    """What is over is in the record."""
    reports = CanaryReports(lambda _: None)
    reports.hear(report("1", 3, stopped="bad"))
    reports.forget_others(set())
    assert reports.stopped("attempt") == ""
    assert reports.counts("attempt").calls == 0
