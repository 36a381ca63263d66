"""What the parts of two controllers on one database are to each other."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from control.child import ChildSetup
from control.config import load_settings
from control.controller.event_stream import EventStream
from control.controller.guards import GuardWatch
from control.controller.loop import ControllerState
from control.controller.rollouts.assembly import Rollouts, Surroundings
from control.core.rollout import Step, end
from control.runtime import RuntimePaths
from control.state.audit import Act
from control.state.store import StateStore
from tests.support.polls import eventually
from tests.support.rollouts import canary

ACT = Act("test", "", 1.0)


class Host:
    """A controller's rollouts, which do not run, and what is told of them there."""

    def __init__(self, store: StateStore, folder: Path, run_id: str) -> None:
        source = folder / "models"
        source.mkdir(parents=True)
        given = {"triton.repository": str(source), "triton.grpc_url": f"unix:{folder}/triton.sock"}
        settings = load_settings(None, {}, given)
        setup = ChildSetup(settings, RuntimePaths(folder / "var"), "", {}, run_id=run_id)
        self.events = EventStream(epoch="e")
        around = Surroundings(
            setup,
            store,
            ControllerState(),
            GuardWatch(),
            self.events,
            None,  # type: ignore[arg-type] - nothing is read
        )
        self.rollouts = Rollouts(around)

    def told(self) -> list[tuple[int, str]]:
        """Version and phase of each event."""
        events = [json.loads(one.data) for one in self.events.since("e-0")[1]]
        return [(one["version"], one["phase"]) for one in events]


@pytest.fixture
async def hosts(store, tmp_path):
    """Two, which know of each other by the database alone."""
    pair = [Host(store, tmp_path / name, name) for name in ("one", "two")]
    for host in pair:
        await host.rollouts.prepare()
    return pair


async def test_of_two_that_look_alike_one_leads(hosts):
    """Containers may have one host name, and one path for their state."""
    assert [host.rollouts._lead.lease is not None for host in hosts] == [True, False]


async def test_who_listens_to_the_other_hears_the_same(hosts):
    """A step that the leader takes is an event on each host."""
    leader, follower = hosts
    begun = leader.rollouts.book.commit(None, Step(canary(), "begun", ""), ACT)
    follower.rollouts.book.reload()
    leader.rollouts.book.commit(begun, end(begun, "it failed", 2.0), ACT)
    follower.rollouts.book.reload()
    expected = [(1, "live"), (2, "canary"), (3, "rejected"), (2, "rolled_back")]
    assert leader.told() == expected
    assert follower.told() == expected


async def test_a_part_that_fails_begins_anew(hosts, monkeypatch):
    """Neither the repository nor another's service ends the controller."""
    rollouts = hosts[0].rollouts
    begun = dict.fromkeys(("_watch", "_hooks"), 0)

    def failing(part: str):
        async def run() -> None:
            begun[part] += 1
            raise RuntimeError(part)

        return run

    for part in begun:
        monkeypatch.setattr(getattr(rollouts, part), "run", failing(part), raising=True)
    directives = SimpleNamespace(take_effect=lambda: None, poke=lambda: None)
    running = asyncio.create_task(rollouts.run(directives))
    await eventually(lambda: min(begun.values()) >= 2, "both have begun anew")
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
