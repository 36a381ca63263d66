"""Services that are told of every change, and are not waited for."""

import asyncio
import json

from control.controller.announcement import Announcement
from control.core.rollout_phases import Phase
from tests.controller.webhooks.asking import ABOUT, hooks
from tests.controller.webhooks.services import never, status
from tests.support.polls import eventually


async def test_events_are_told_in_order(service, pauses):
    """To every service of the kind, each change once."""
    first, second = await service(status(200)), await service(status(200))
    webhooks = hooks(pauses, event=[first.url, second.url])
    told = [Announcement("m", n, Phase.LIVE, 100.0, "", "", 0.0) for n in range(1, 6)]
    for one in told:
        webhooks.tell(one)
    running = asyncio.create_task(webhooks.run())
    for service_ in (first, second):
        await eventually(lambda heard=service_: len(heard.asked) == 5, "all is told")
        documents = [json.loads(one.body) for one in service_.asked]
        assert [one["version"] for one in documents] == [1, 2, 3, 4, 5]
        assert {one["kind"] for one in documents} == {"event"}
    running.cancel()


async def test_a_service_that_hangs_keeps_nobody_waiting(service, pauses):
    """Neither who tells, from any thread, nor the other services; what is too much is dropped."""
    hanging, good = await service(never), await service(status(200))
    webhooks = hooks(pauses, event=[hanging.url, good.url])
    running = asyncio.create_task(webhooks.run())
    await asyncio.to_thread(webhooks.tell, ABOUT)
    await eventually(lambda: hanging.asked and good.asked, "both are told")
    for _ in range(300):
        webhooks.tell(ABOUT)
    await eventually(lambda: len(good.asked) > 250, "the good one is told")
    assert len(hanging.asked) == 1
    running.cancel()
    hanging_queue = webhooks._told[0][1]
    lost, waiting = await hanging_queue.take()
    assert (lost, len(waiting)) == (44, 256)


async def test_a_failing_service_is_logged_without_its_secrets(service, pauses, capsys):
    """Its host and its answer, not the URL nor the key that signs."""
    asked = await service(status(410))
    webhooks = hooks(pauses, event=[asked.url], secret="geheim")
    webhooks.tell(ABOUT)
    running = asyncio.create_task(webhooks.run())
    told = ""

    def is_logged() -> bool:
        nonlocal told
        told += capsys.readouterr().out
        return "webhook_failed" in told

    await eventually(is_logged, "the failure is logged")
    running.cancel()
    assert f"127.0.0.1:{asked.port} answered 410" in told
    assert "geheim" not in told
    assert len(asked.asked) == 1


async def test_telling_goes_on_where_nobody_is_to_be_told(pauses):
    """Whoever waits for the end of it waits for ever."""
    webhooks = hooks(pauses)
    webhooks.tell(ABOUT)
    running = asyncio.create_task(webhooks.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
