from collections.abc import Iterator

import pytest

from tests.e2e.hostile.guarded import Guarded
from tests.support.clients import infer_body
from tests.support.exchange import exchange
from tests.support.stack import TEST_MODELS, Stack


@pytest.fixture(scope="package", params=[True, False], ids=["express", "flask"])
def lane(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    """Each lane once for all files here, as it is after its first requests."""
    with Stack(TEST_MODELS, {"gateway": {"express_lane": request.param}}) as stack:
        for model in ("identity", "faulty"):
            for _ in range(20):
                exchange(stack.http, "POST", f"/v2/models/{model}/infer", infer_body([0.0]))
        yield Guarded(stack)


@pytest.fixture
def guarded(lane: Guarded) -> Iterator[Guarded]:
    """A Seawall that the test leaves as it has found it."""
    yield lane
    lane.assert_unharmed()
