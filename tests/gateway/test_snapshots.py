"""The snapshot that requests are decided by."""

import asyncio
from dataclasses import replace

import pytest

from control.core.protection import Fallback, FallbackKind, Protection
from control.core.snapshot import Snapshot
from control.errors import ModelNotFound, UpstreamUnavailable
from control.gateway.snapshots import SnapshotHolder
from tests.gateway.conftest import make_view, snapshot_of

ONE, TWO = make_view(version=1), make_view(version=2)


async def test_until_the_first_snapshot_requests_wait() -> None:
    """A request that comes before any snapshot waits for it, and then goes on."""
    holder = SnapshotHolder()
    waiting = asyncio.create_task(holder.wait_first())
    await asyncio.sleep(0)
    assert not holder.filled
    assert not waiting.done()
    holder.accept(snapshot_of(ONE))
    await waiting
    assert holder.filled


async def test_the_wait_for_the_first_snapshot_is_bounded() -> None:
    """A gateway that never learns of any model says so instead of hanging."""
    with pytest.raises(UpstreamUnavailable) as caught:
        await SnapshotHolder(0.01).wait_first()
    assert caught.value.retry_after_s is not None


async def test_a_new_snapshot_replaces_the_old_one_whole() -> None:
    """What is not in the newest snapshot does not exist any more; listeners hear of each."""
    holder = SnapshotHolder()
    heard: list[Snapshot] = []
    holder.on_change(heard.append)
    old, new = snapshot_of(ONE), snapshot_of(make_view("other"))
    for snapshot in (old, new):
        holder.accept(snapshot)
    assert heard == [old, new]
    with pytest.raises(ModelNotFound):
        holder.choose("identity", None)
    assert holder.choose("other", None).model == "other"


async def test_the_choice_is_the_cores() -> None:
    """Newest ready without a pin, the pinned one with it, 404 or 503 otherwise."""
    holder = SnapshotHolder()
    holder.accept(snapshot_of(ONE, TWO, make_view(version=3, ready=False)))
    assert holder.choose("identity", None).version == 2
    assert holder.choose("identity", 1).version == 1
    with pytest.raises(ModelNotFound):
        holder.choose("identity", 9)
    with pytest.raises(UpstreamUnavailable):
        holder.choose("identity", 3)
    assert holder.choose_ready("identity", 1) is ONE
    assert holder.choose_ready("identity", 3) is None
    assert holder.choose_ready("nobody", None) is None


async def test_a_sick_version_is_given_where_fallbacks_may_answer() -> None:
    """A version that cannot answer is still chosen, for its contract to say who can."""
    fallbacks = (Fallback(FallbackKind.STATIC),)
    sick = replace(make_view(ready=False), protection=Protection(fallbacks=fallbacks))
    holder = SnapshotHolder()
    holder.accept(snapshot_of(sick))
    assert holder.choose("identity", 1) is sick
    assert holder.choose("identity", None) is sick
    holder.accept(snapshot_of(replace(sick, loaded=False)))
    for version in (1, None):
        with pytest.raises(UpstreamUnavailable):
            holder.choose("identity", version)
