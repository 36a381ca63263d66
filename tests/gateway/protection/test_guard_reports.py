"""What a gateway tells the controller of its guards."""

import asyncio
from dataclasses import dataclass, field

from control.core.breaker_states import BreakerState
from control.gateway.protection.admission import AdmissionStatus
from control.gateway.protection.breaker_board import BreakerStatus
from control.gateway.protection.guard_reports import GuardReports, GuardSources
from control.gateway.protection.memory_readings import MemoryStatus
from control.gateway.protection.reuse_counts import ReuseStatus
from control.link.events import (
    AdmissionReport,
    BreakerReport,
    CacheReport,
    Event,
    GuardReport,
    MemoryReport,
    VersionGuards,
    decode_event,
)
from tests.support.polls import eventually


@dataclass
class FakeUplink:
    """Takes events, or does not."""

    connections: int = 1
    takes: bool = True
    told: list[Event] = field(default_factory=list)

    def offer(self, event: bytes) -> bool:
        """Take an event while it takes any."""
        if self.takes:
            self.told.append(decode_event(event))
        return self.takes


@dataclass
class Boards:
    """The parts that guard, with the numbers that they are given."""

    admission: list[AdmissionStatus] = field(default_factory=list)
    breakers: list[BreakerStatus] = field(default_factory=list)
    reuse: list[ReuseStatus] = field(default_factory=list)
    memory: list[MemoryStatus] = field(default_factory=list)

    def sources(self) -> GuardSources:
        """As they are asked."""
        return GuardSources(
            lambda: self.admission, lambda: self.breakers, lambda: self.reuse, lambda: self.memory
        )


def admission(version: int = 1, limit: int = 8) -> AdmissionStatus:
    """One version's admission."""
    return AdmissionStatus("m", version, limit, 3, 1, {"delay": 4}, 12.5, None, 16.0)


def told(limit: int) -> AdmissionReport:
    """What is told of it."""
    return AdmissionReport(limit, 3, 1, {"delay": 4}, 12.5, None, 16.0)


def test_a_report_holds_all_that_guards_each_version() -> None:
    """Parts are put together by version; what a version has not needed is not there."""
    uplink, boards = FakeUplink(), Boards()
    boards.admission = [admission()]
    boards.breakers = [
        BreakerStatus("m", 1, BreakerState.HALF_OPEN, 50.0, None, 4, 0.0, "probing"),
        BreakerStatus("a", 3, BreakerState.CLOSED, None, None, 0, 0.0, ""),
    ]
    boards.reuse = [ReuseStatus("m", 1, entries=2, size_bytes=900, hits=5, misses=7, shared=1)]
    boards.memory = [MemoryStatus("m", 1, 1000, 250, None)]
    GuardReports(uplink, boards.sources(), "4711").turn()
    assert uplink.told == [
        GuardReport(
            "4711",
            [
                VersionGuards("a", 3, breaker=BreakerReport("closed", None, None, 0, 0.0, "")),
                VersionGuards(
                    "m",
                    1,
                    told(8),
                    BreakerReport("half_open", 50.0, None, 4, 0.0, "probing"),
                    CacheReport(2, 900, 5, 7, 1),
                    MemoryReport(1000, 250, None),
                ),
            ],
        )
    ]


def test_every_report_says_how_it_is_now() -> None:
    """Also that nothing has changed, or that there is nothing: silence means to be gone."""
    uplink, boards = FakeUplink(), Boards()
    reports = GuardReports(uplink, boards.sources(), "g")
    reports.turn()
    boards.admission = [admission(limit=9)]
    reports.turn()
    reports.turn()
    reported = [one.versions for one in uplink.told if isinstance(one, GuardReport)]
    nine = VersionGuards("m", 1, told(9))
    assert reported == [[], [nine], [nine]]


def test_a_controller_that_takes_nothing_stops_nothing() -> None:
    """Nothing is queued for it; once it takes reports again it gets the newest."""
    uplink, boards = FakeUplink(takes=False), Boards()
    reports = GuardReports(uplink, boards.sources(), "g")
    for limit in (1, 2, 3):
        boards.admission = [admission(limit=limit)]
        uplink.takes = limit == 3
        reports.turn()
    assert uplink.told == [GuardReport("g", [VersionGuards("m", 1, told(3))])]


async def test_reports_go_on_for_ever() -> None:
    """One at once, and then again and again."""
    uplink = FakeUplink()
    running = asyncio.create_task(GuardReports(uplink, Boards().sources(), "g").run(0.001))
    await eventually(lambda: len(uplink.told) >= 3, "reports come")
    running.cancel()
    await asyncio.wait([running])
