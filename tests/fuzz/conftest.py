from collections.abc import Iterator

import pytest

from tests.fuzz.client import Client
from tests.fuzz.corpus import good
from tests.fuzz.fuzzed import Fuzzed
from tests.fuzz.repository import write_repository
from tests.support.stack import Stack

_FIRST = 100


#: Whether requests take the express lane, and which part of the corpus is sent: the lanes differ in
#: how a request comes to the pipeline, so for the slower one a part will do.
_LANES = [(True, 1), (False, 2)]


@pytest.fixture(scope="package", params=_LANES, ids=["express", "flask"])
def lane(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fuzzed]:
    """Each lane once for all files here, as it is after its first requests."""
    express, every = request.param
    repository = write_repository(tmp_path_factory.mktemp("fuzz") / "repository")
    with Stack(repository, {"gateway": {"express_lane": express}}) as stack:
        with Client(stack.http) as client:
            for number in range(_FIRST):
                client.exchange(good(number).draft.request().encode())
        yield Fuzzed(stack, repository, every)


@pytest.fixture
def fuzzed(lane: Fuzzed) -> Iterator[Fuzzed]:
    """A Seawall that the test leaves as it has found it."""
    yield lane
    lane.assert_unharmed()
