"""What gateways report of their guards."""

from control.controller.guards import GuardWatch
from control.link.events import AdmissionReport, GuardReport, VersionGuards


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def report(gateway: str, limit: int = 1, version: int = 1) -> GuardReport:
    """One gateway's report on one version."""
    admission = AdmissionReport(limit, 0, 0, {}, None, None, None)
    return GuardReport(gateway, [VersionGuards("m", version, admission)])


def limits(watch: GuardWatch, model: str = "m", version: int = 1) -> dict[str, int]:
    """The limit that each gateway has reported."""
    found = watch.of_version(model, version)
    return {name: one.admission.limit for name, one in found.items() if one.admission}


def test_the_newest_report_of_each_gateway_counts() -> None:
    """Gateways are told apart, and so are versions."""
    watch = GuardWatch(Clock())
    for one in (report("b", 1), report("a", 2), report("b", 3), report("c", 9, version=2)):
        watch.hear(one)
    assert list(limits(watch).items()) == [("a", 2), ("b", 3)]
    assert limits(watch, version=2) == {"c": 9}
    assert limits(watch, model="n") == {}


def test_a_silent_gateway_is_dropped() -> None:
    """Numbers of a process that is gone are not shown as if they were true."""
    clock = Clock()
    watch = GuardWatch(clock)
    watch.hear(report("a"))
    clock.now_s += 4.0
    watch.hear(report("b"))
    clock.now_s += 1.0
    assert set(limits(watch)) == {"a", "b"}
    clock.now_s += 0.5
    assert set(limits(watch)) == {"b"}
    watch.hear(report("b"))
    clock.now_s += 100.0
    assert limits(watch) == {}


def test_the_number_of_gateways_is_bounded() -> None:
    """Whatever names come, memory does not grow; the last ones heard stay."""
    watch = GuardWatch(Clock())
    for number in range(1000):
        watch.hear(report(f"{number:04}"))
    assert list(limits(watch)) == [f"{number:04}" for number in range(936, 1000)]
