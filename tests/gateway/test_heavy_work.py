"""Work beside the event loop."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from control.errors import MalformedRequest, Overloaded, TooLarge
from control.gateway.codec.infer_request import decode_infer
from control.gateway.heavy_work import HeavyWork


@pytest.fixture
async def heavy() -> AsyncIterator[HeavyWork]:
    """Heavy work with no helper yet."""
    one = HeavyWork()
    yield one
    helper = one._helper
    one.close()
    if helper is not None:
        await helper.wait()


async def test_calls_come_back_with_their_results(heavy: HeavyWork) -> None:
    """Many callers at once each get their own answer, from one other process."""
    results = await asyncio.gather(*(heavy.run(divmod, n, 7) for n in range(20)))
    assert results == [divmod(n, 7) for n in range(20)]
    pids = {await heavy.run(os.getpid) for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


async def test_large_arguments_and_results_fit(heavy: HeavyWork) -> None:
    """Megabytes go both ways."""
    assert await heavy.run(bytes.upper, b"x" * 5_000_000) == b"X" * 5_000_000


async def test_an_error_comes_back_as_it_was_raised(heavy: HeavyWork) -> None:
    """A refusal from there is the refusal that it would be here, with all that it carries."""
    body = b'{"inputs":[{"name":"A","datatype":"FP99","shape":[1],"data":[1]}]}'
    with pytest.raises(MalformedRequest) as there:
        await heavy.run(decode_infer, body, None, 1000)
    with pytest.raises(MalformedRequest) as here:
        decode_infer(body, None, 1000)
    assert there.value.message == here.value.message
    assert there.value.violations == here.value.violations
    assert there.value.http_status == 400


async def test_a_helper_that_died_is_replaced(heavy: HeavyWork) -> None:
    """The death of the helper costs the next caller nothing."""
    os.kill(await heavy.run(os.getpid), 9)
    assert await heavy.run(abs, -1) == 1


async def test_a_call_that_kills_its_helper_is_given_up(heavy: HeavyWork) -> None:
    """A call under which the helper dies twice is refused, and the next one is served."""
    with pytest.raises(Overloaded):
        await heavy.run(os._exit, 1)
    assert await heavy.run(abs, -1) == 1


async def test_a_cancelled_call_leaves_no_answer_for_the_next(heavy: HeavyWork) -> None:
    """A client that left takes its answer along: nobody else can get it."""
    await heavy.run(abs, -1)
    helper = heavy._helper
    assert helper is not None
    call = asyncio.create_task(heavy.run(time.sleep, 600))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await heavy.run(abs, -2) == 2
    await helper.wait()


async def test_a_call_that_takes_too_long_is_given_up() -> None:
    """Others wait for their turn: the slow one is refused, and the next finds a fresh helper."""
    heavy = HeavyWork(timeout_s=2.0)
    with pytest.raises(TooLarge, match="within 2 s"):
        await heavy.run(time.sleep, 60)
    assert await heavy.run(divmod, 7, 3) == (2, 1)
    helper = heavy._helper
    heavy.close()
    assert helper is not None
    await helper.wait()
