"""What all gateways have learned."""

import threading

from control.controller.learning import MOST_GATEWAYS, MOST_VERSIONS, LearnedTraffic
from control.learning.summary import VersionSummary
from control.link.events import TrafficReport


def report(gateway: str, requests: int = 1, model: str = "m", version: int = 1) -> TrafficReport:
    """One gateway's report."""
    return TrafficReport(gateway, VersionSummary(model, version, requests, requests, 0, 9, {}))


def requests_of(learned: LearnedTraffic, model: str = "m") -> dict[int, list[int]]:
    """The requests that are known, by version."""
    return {n: [one.requests for one in parts] for n, parts in learned.of_model(model).items()}


def test_a_report_takes_the_place_of_the_last() -> None:
    """Reports are of everything since the start: adding them up would count twice."""
    learned = LearnedTraffic()
    learned.hear(report("a", 1))
    learned.hear(report("a", 5))
    learned.hear(report("b", 3))
    assert requests_of(learned) == {1: [5, 3]}


def test_models_and_versions_are_kept_apart() -> None:
    """A gateway reports each version for itself."""
    learned = LearnedTraffic()
    learned.hear(report("a", 1))
    learned.hear(report("a", 2, version=2))
    learned.hear(report("a", 3, model="other"))
    assert requests_of(learned) == {1: [1], 2: [2]}
    assert requests_of(learned, "other") == {1: [3]}
    assert requests_of(learned, "none") == {}


def test_gateways_that_are_gone_are_forgotten_at_last() -> None:
    """Restarts do not fill the memory; who still reports is never forgotten."""
    learned = LearnedTraffic()
    for number in range(3 * MOST_GATEWAYS):
        learned.hear(report("steady", 7))
        learned.hear(report(f"gone{number}"))
    counts = requests_of(learned)[1]
    assert len(counts) == MOST_GATEWAYS
    assert 7 in counts


def test_versions_that_are_gone_are_forgotten_at_last() -> None:
    """New versions come for as long as a model lives; who is still called stays known."""
    learned = LearnedTraffic()
    for number in range(2, 3 * MOST_VERSIONS):
        learned.hear(report("a", 7, version=1))
        learned.hear(report("a", version=number))
    counts = requests_of(learned)
    assert len(counts) == MOST_VERSIONS
    assert counts[1] == [7]


def test_reading_while_reports_come_in_is_safe() -> None:
    """Flask's threads never see a half-made change."""
    learned = LearnedTraffic()
    done = threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        while not done.is_set():
            try:
                learned.of_model("m")
            except RuntimeError as error:
                failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(3000):
        learned.hear(report(f"g{number}", version=1 + number % 50))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
