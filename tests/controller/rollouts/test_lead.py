"""Of several controllers on one database one leads."""

import asyncio
import contextlib

from control.controller.rollouts.lead import NAME, Lead
from control.errors import StateUnavailable
from tests.support.databases import end_lease, held_lease
from tests.support.polls import eventually


async def test_only_one_leads_until_its_lease_has_run_out(store):
    """The other one takes over when the lease is free."""
    first, second = Lead(store.leases, "first"), Lead(store.leases, "second")
    await first.renew()
    await second.renew()
    assert first.lease is not None
    assert second.lease is None
    end_lease(store, NAME)
    await second.renew()
    await first.renew()
    assert second.lease is not None
    assert first.lease is None
    assert held_lease(store, NAME) == second.lease


async def test_a_restarted_controller_of_the_same_name_goes_on_at_once(store):
    """No lease has to run out before it may go on."""
    before, after = Lead(store.leases, "host"), Lead(store.leases, "host")
    await before.renew()
    await after.renew()
    assert after.lease is not None
    assert after.lease.epoch == before.lease.epoch


async def test_who_ends_gives_way_at_once(store):
    """Nobody has to wait until its lease has run out."""
    first, second = Lead(store.leases, "first"), Lead(store.leases, "second")
    running = asyncio.create_task(first.run())
    await eventually(lambda: first.lease is not None, "it leads")
    running.cancel()
    await asyncio.wait({running})
    assert first.lease is None
    await second.renew()
    assert second.lease is not None


async def test_how_a_controller_stands_is_told_at_first_and_when_it_changes(store, capsys):
    """Who follows from the start says so: nothing else tells why it does nothing."""
    first, second = Lead(store.leases, "first"), Lead(store.leases, "second")
    await first.renew()
    for _ in range(2):
        await second.renew()
    end_lease(store, NAME)
    await second.renew()
    told = capsys.readouterr().out.splitlines()
    expected = [("leading", "first"), ("following", "second"), ("leading", "second")]
    assert len(told) == len(expected)
    for line, (standing, holder) in zip(told, expected, strict=True):
        assert f"] {standing} " in line
        assert f"holder={holder}" in line
    assert first.held_up_by() == second.held_up_by() == ""


async def test_without_the_database_nobody_leads():
    """What cannot be kept is not begun."""

    class Away:
        def acquire(self, *_: object) -> None:
            message = "away"
            raise StateUnavailable(message)

    lead = Lead(Away(), "host")
    running = asyncio.create_task(lead.run())
    await eventually(lead.held_up_by, "it says so")
    assert lead.held_up_by() == "no controller leads: the database cannot be reached"
    assert lead.lease is None
    assert not running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
