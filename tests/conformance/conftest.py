"""Three targets that must give the same answers: Triton itself, and Seawall's two lanes."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import tritonclient.http as triton

from tests.support.relay import Relay
from tests.support.stack import TEST_MODELS, Stack


@dataclass(frozen=True, slots=True)
class Targets:
    """Addresses by name; ``direct`` is the Triton behind ``express``."""

    direct: str
    express: str
    flask: str


@pytest.fixture(scope="session")
def targets() -> Iterator[Targets]:
    """Start both lanes, each with a Triton of its own, and a way around the first one's guard."""
    with Stack(TEST_MODELS) as express:
        relay = Relay(express.triton_socket)
        try:
            with Stack(TEST_MODELS, {"gateway": {"express_lane": False}}) as flask:
                yield Targets(relay.address, express.http, flask.http)
        finally:
            relay.close()


@pytest.fixture(params=["direct", "express", "flask"])
def address(request: pytest.FixtureRequest, targets: Targets) -> str:
    """Each target in turn: the same assertions hold on all."""
    return str(getattr(targets, request.param))


@pytest.fixture(params=["express", "flask"])
def guard(request: pytest.FixtureRequest, targets: Targets) -> str:
    """Each lane of Seawall in turn."""
    return str(getattr(targets, request.param))


@pytest.fixture
def direct(targets: Targets) -> str:
    """Triton itself."""
    return targets.direct


@pytest.fixture
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    """The unmodified blocking client."""
    with triton.InferenceServerClient(address, concurrency=4) as opened:
        yield opened
