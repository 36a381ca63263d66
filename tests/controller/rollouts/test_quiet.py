"""A version is unloaded only when nobody calls it any more."""

import asyncio

from control.controller.guards import GuardWatch
from control.controller.rollouts import quiet as module
from control.controller.rollouts.quiet import Quiet
from control.link.events import AdmissionReport, GuardReport, VersionGuards
from tests.support.polls import eventually


def report(in_flight: int, queued: int = 0) -> GuardReport:
    """What a gateway says of version 1."""
    admission = AdmissionReport(8, in_flight, queued, {}, None, None, None)
    return GuardReport("one", [VersionGuards("m", 1, admission)])


async def test_it_waits_for_what_is_in_flight_and_in_line(monkeypatch):
    """First until gateways send nothing more, then until nothing is left."""
    monkeypatch.setattr(module, "_REPORTED_S", 0.01)
    monkeypatch.setattr(module, "_POLL_S", 0.01)
    guards, told = GuardWatch(), []

    async def take_effect() -> None:
        told.append("routes hold")

    guards.hear(report(1))
    waiting = asyncio.create_task(Quiet(guards, take_effect)("m", frozenset({1, 2}), 9.0))
    await eventually(lambda: told, "routes were asked for")
    guards.hear(report(0, queued=1))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    guards.hear(report(0))
    assert await asyncio.wait_for(waiting, 5)


async def test_it_does_not_wait_for_ever(monkeypatch):
    """Whoever hangs in a version has been given up by its deadline."""
    monkeypatch.setattr(module, "_REPORTED_S", 0.01)
    guards = GuardWatch()

    async def take_effect() -> None:
        guards.hear(report(1))

    quiet = Quiet(guards, take_effect)("m", frozenset({1}), 0.05)
    assert not await asyncio.wait_for(quiet, 5)
