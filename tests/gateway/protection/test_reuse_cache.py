"""Answers that are kept: how long, for whom, and when they are dropped."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from control.core.protection import Fallback, FallbackKind, Override, Protection
from control.gateway.protection.reuse import Source
from tests.gateway.protection.reuse_scene import MIB, VIEW, Scene, asked
from tests.gateway.protection.stand_in_cases import (
    CACHED,
    SHARED,
    falling,
    floats,
    request_for,
    snapshot_of,
    values_of,
    version_of,
)
from tests.support.virtual_time import run

STALE = falling(Fallback(FallbackKind.CACHE, max_stale_s=5.0), deterministic=True)


def test_a_kept_answer_is_given_until_its_time_is_over() -> None:
    """Fresh ones cost no call; then the version is asked again."""

    async def work() -> None:
        scene = Scene()
        sources = []
        for pause_s in (0.0, 9.9, 0.2):
            await asyncio.sleep(pause_s)
            answer, source = await scene.ask(request_for(2.0, request_id="x"))
            assert values_of(answer) == {"Y": [4.0]}
            sources.append(source)
        assert sources == [Source.UPSTREAM, Source.CACHE, Source.UPSTREAM]

    run(work())


def test_a_kept_answer_is_a_copy_that_nobody_can_write_to() -> None:
    """It keeps its own bytes, not the buffer that Triton's answer was read into."""

    async def work() -> None:
        scene = Scene()
        first, _ = await scene.ask(request_for(2.0, request_id="a"))
        buffer = first.binary
        assert isinstance(buffer, memoryview)
        buffer[:] = floats(666.0)
        kept, _ = await scene.ask(request_for(2.0, request_id="b"))
        assert values_of(kept) == {"Y": [4.0]}
        assert memoryview(kept.tensors[0].data).readonly
        assert not kept.as_triton_wrote_it, "the header that Triton wrote has another's id"

    run(work())


def test_what_is_not_cached_by_contract_is_called_each_time() -> None:
    """Without a cache in the contract, or bytes for one, only calls under way are shared."""

    async def work() -> None:
        for cache_bytes, protection in ((MIB, SHARED), (0, CACHED)):
            scene = Scene(version_of(protection=protection), cache_bytes=cache_bytes)
            view = version_of(protection=protection)
            for _ in range(3):
                assert (await scene.ask(request_for(1.0), view))[1] is Source.UPSTREAM
            assert scene.count("seawall_cache_entries") == 0

    run(work())


def test_a_stale_answer_is_there_when_it_is_needed() -> None:
    """Past its time it answers no request, but stands in within the rule of the fallback."""

    async def work() -> None:
        view = version_of(protection=STALE)
        scene = Scene(view)
        request = request_for(2.0, request_id="a")
        await scene.ask(request, view)
        await asyncio.sleep(12.0)
        mine = replace(request, request_id="b")
        answer = await scene.reuse.stale(view, mine, tenant="t", max_stale_s=5.0)
        assert answer is not None
        assert (values_of(answer), answer.request_id) == ({"Y": [4.0]}, "b")
        for other, max_stale_s in ((request_for(3.0), 5.0), (request, 1.0)):
            assert await scene.reuse.stale(view, other, tenant="t", max_stale_s=max_stale_s) is None
        await asyncio.sleep(3.0)
        assert await scene.reuse.stale(view, request, tenant="t", max_stale_s=5.0) is None

    run(work())


@pytest.mark.parametrize("protection", [SHARED, Protection(), falling()])
def test_without_a_cache_nothing_is_stale(protection: Protection) -> None:
    """A model that is not declared deterministic, or not cached, has no old answers."""

    async def work() -> None:
        view = version_of(protection=protection)
        scene = Scene(view)
        assert await scene.reuse.stale(view, request_for(1.0), tenant="t", max_stale_s=9.0) is None

    run(work())


@pytest.mark.parametrize(
    "change",
    [
        {"order": Override(cache_epoch=1)},
        {"config_json": b'{"other": 1}'},
        {"contract_json": b'{"other": 1}'},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_build_or_a_purge_begins_anew(change: dict[str, Any]) -> None:
    """Answers of before are dropped, also those that are still under way; counts go on."""

    async def work() -> None:
        scene = Scene()
        await scene.ask(request_for(1.0))
        scene.go.clear()
        (under_way,) = await asked(scene, request_for(2.0))
        renewed = replace(VIEW, **change)
        scene.reuse.learn(snapshot_of(renewed))
        assert scene.count("seawall_cache_bytes") == 0
        scene.go.set()
        await under_way
        assert scene.count("seawall_cache_entries") == 0
        assert (await scene.ask(request_for(1.0), renewed))[1] is Source.UPSTREAM
        (status,) = scene.reuse.statuses()
        assert (status.entries, status.misses) == (1, 3)

    run(work())


def test_answers_outlive_a_snapshot_that_changes_nothing() -> None:
    """Health comes and goes; a version's answers stay, and those under way are kept."""

    async def work() -> None:
        scene = Scene()
        await scene.ask(request_for(1.0))
        scene.go.clear()
        (under_way,) = await asked(scene, request_for(2.0))
        renewed = replace(VIEW, ready=False)
        scene.reuse.learn(snapshot_of(renewed))
        scene.go.set()
        await under_way
        for value in (1.0, 2.0):
            assert (await scene.ask(request_for(value), renewed))[1] is Source.CACHE

    run(work())


def test_a_version_that_is_gone_leaves_nothing() -> None:
    """Others keep theirs."""

    async def work() -> None:
        views = [version_of(version=number) for number in (1, 2)]
        scene = Scene(*views)
        for view in views:
            await scene.ask(request_for(1.0), view)
        scene.reuse.learn(snapshot_of(views[1]))
        assert [one.version for one in scene.reuse.statuses()] == [2]
        assert scene.count("seawall_cache_entries") == 1
        assert (
            scene.count("seawall_cache_requests_total", model="m", version="1", result="miss") == 1
        )

    run(work())


def test_it_says_how_requests_were_answered() -> None:
    """Hits, misses and shared calls are counted, with what is kept."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        tasks = await asked(scene, *[request_for(1.0) for _ in range(3)])
        scene.go.set()
        await asyncio.gather(*tasks)
        await scene.ask(request_for(1.0))
        (status,) = scene.reuse.statuses()
        assert (status.hits, status.misses, status.shared, status.entries) == (1, 1, 2, 1)
        assert status.size_bytes == scene.count("seawall_cache_bytes") > 4
        for _ in range(2):
            counts = {
                result: scene.count(
                    "seawall_cache_requests_total", model="m", version="1", result=result
                )
                for result in ("hit", "miss", "shared")
            }
            assert counts == {"hit": 1, "miss": 1, "shared": 2}

    run(work())


def test_it_tells_at_once_whether_an_answer_may_come() -> None:
    """Kept, stale within the contract, or on its way; nothing is called to find that out."""

    async def work() -> None:
        view = version_of(protection=STALE)
        scene = Scene(view)
        request = request_for(2.0)

        def may_have() -> bool:
            return scene.reuse.may_have(view, request, tenant="t")

        assert not may_have()
        scene.go.clear()
        (asking,) = await asked(scene, request, view=view)
        assert may_have()
        scene.go.set()
        await asking
        for pause_s, expected in ((9.9, True), (5.0, True), (0.2, False)):
            await asyncio.sleep(pause_s)
            assert may_have() is expected
        assert len(scene.deadlines) == 1
        assert not scene.reuse.may_have(version_of(protection=falling()), request, tenant="t")

    run(work())
