"""Events: told to all who listen, in order, and again to whoever comes back."""

import asyncio
import threading

import pytest

from control.controller.dropping_queue import DroppingQueue
from control.controller.event_stream import EventStream
from control.errors import Overloaded
from tests.support.polls import eventually


def numbers(events):
    """What was published, as ``publish_all`` numbers it."""
    return [one.data if one.kind == "lost" else int(one.data[6:-1]) for one in events]


def publish_all(stream: EventStream, *given: int) -> None:
    """Publish an event for each number."""
    for number in given:
        stream.publish("rollout", {"n": number})


async def test_all_listeners_hear_all_events_in_order() -> None:
    """From the moment on that they listen."""
    stream = EventStream(epoch="e")
    publish_all(stream, 1)
    with stream.listen() as first, stream.listen() as second:
        publish_all(stream, 2, 3)
        for one in (first, second):
            assert one.start == "e-1"
            assert numbers(await one.take()) == [2, 3]
        publish_all(stream, 4)
        assert numbers(await first.take()) == [4]


async def test_an_event_is_one_block_of_lines() -> None:
    """Also where its data has line breaks: a client must not read two."""
    stream = EventStream(epoch="e")
    with stream.listen() as listener:
        stream.publish("rollout", {"reason": "a\n\nevent: x\n"})
        (event,) = await listener.take()
    assert event.encode() == (
        b'id: e-1\nevent: rollout\ndata: {"reason": "a\\n\\nevent: x\\n"}\n\n'
    )


async def test_who_comes_back_hears_what_it_has_missed() -> None:
    """By the id of the last event that it has got."""
    stream = EventStream(epoch="e")
    publish_all(stream, 1, 2, 3)
    with stream.listen("e-1") as listener:
        publish_all(stream, 4)
        assert numbers(await listener.take()) == [2, 3]
        assert numbers(await listener.take()) == [4]
    assert numbers(stream.since("e-4")[1]) == []


@pytest.mark.parametrize(
    ("last_id", "heard"),
    [
        ("e-0", ['{"count": 2}', 3, 4, 5]),
        ("e-1", ['{"count": 1}', 3, 4, 5]),
        ("e-2", [3, 4, 5]),
        ("e-4", [5]),
        ("e-5", []),
        ("e-6", []),
        (f"e-{'9' * 5000}", []),
        ("d-5", ['{"count": null}', 3, 4, 5]),
        ("e", ['{"count": null}', 3, 4, 5]),
        ("e-", ['{"count": null}', 3, 4, 5]),
        ("e-\xb2", ['{"count": null}', 3, 4, 5]),
        ("e--1", ['{"count": null}', 3, 4, 5]),
        ("", []),
    ],
)
def test_what_is_not_kept_any_longer_is_told_as_lost(last_id, heard):
    """How many; where nobody can know, the event says so, and all that is kept follows."""
    stream = EventStream(kept=3, epoch="e")
    publish_all(stream, 1, 2, 3, 4, 5)
    newest, events = stream.since(last_id)
    assert newest == "e-5"
    assert numbers(events) == heard


async def test_a_slow_listener_loses_the_oldest_and_is_told() -> None:
    """It costs nobody else anything, nor memory without end."""
    stream = EventStream(kept=3, epoch="e")
    with stream.listen() as slow:
        publish_all(stream, *range(1, 11))
        assert numbers(await slow.take()) == ['{"count": 7}', 8, 9, 10]
        publish_all(stream, 11)
        assert numbers(await slow.take()) == [11]


async def test_listeners_are_limited_and_leave_their_place() -> None:
    """One too many is told to try again."""
    stream = EventStream(most_listeners=2)
    with stream.listen():
        with stream.listen():
            with pytest.raises(Overloaded, match="2 listen"):
                stream.check_room()
            with pytest.raises(Overloaded), stream.listen():
                pass
        stream.check_room()


async def test_any_thread_may_publish() -> None:
    """A listener that waits is woken, and nothing is lost on the way."""
    stream = EventStream(kept=10_000)
    heard = []

    async def listen() -> None:
        with stream.listen() as listener:
            while len(heard) < 4000:
                heard.extend(await listener.take())

    listening = asyncio.create_task(listen())
    await eventually(lambda: stream._queues, "it listens")
    threads = [threading.Thread(target=publish_all, args=(stream, *range(1000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.wait_for(listening, 20.0)
    for thread in threads:
        thread.join()
    ids = [int(one.event_id.split("-")[1]) for one in heard]
    assert ids == list(range(1, 4001))


def test_a_restart_has_ids_of_its_own():
    """An id of an earlier process cannot be taken for one of this."""
    first, second = EventStream(epoch="a"), EventStream()
    publish_all(first, 1)
    publish_all(second, 1)
    last = first.since("")[0]
    assert numbers(second.since(last)[1]) == ['{"count": null}', 1]


async def test_putting_outlives_the_loop_of_who_took() -> None:
    """A thread that is late meets nobody, and no error."""
    queue: DroppingQueue[int] = DroppingQueue(2)

    async def wait_in_vain() -> None:
        async with asyncio.timeout(0.01):
            await queue.take()

    def run() -> None:
        with pytest.raises(TimeoutError):
            asyncio.run(wait_in_vain())

    await asyncio.to_thread(run)
    queue.put(1)
    assert await queue.take() == (0, [1])
