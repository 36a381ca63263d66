import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.controller.webhooks.asking import Pauses
from tests.controller.webhooks.services import Behaviour, Service


@pytest.fixture
def pauses() -> Pauses:
    """The pauses between tries."""
    return Pauses()


@pytest.fixture
async def service() -> AsyncIterator[Callable[..., Awaitable[Service]]]:
    """Give what starts a service for one test."""
    started: list[Service] = []

    async def start(*answers: bytes | Behaviour, tls: ssl.SSLContext | None = None) -> Service:
        one = Service(list(answers))
        await one.start(tls)
        started.append(one)
        return one

    yield start
    for one in started:
        await one.stop()
