"""The example models' second versions, dropped while 50 requests a second are served."""

import pytest

from tests.e2e.rollouts.examples import ASK, drop_second, repository_with_first_versions
from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.watching import phase, wait_for
from tests.support.stack import Stack, wait_until

pytestmark = [pytest.mark.triton, pytest.mark.weights]


@pytest.mark.parametrize("model", ["filetype", "sentiment"])
def test_the_second_version_of_an_example_replaces_the_first_without_a_failed_request(
    tmp_path, model
):
    """From its drop until the first one is retired: every answer is there, and right."""
    repository = repository_with_first_versions(tmp_path / "models")
    with (
        Stack(repository) as stack,
        SteadyTraffic(stack.http, model, ask=ASK[model]) as clients,
    ):
        wait_until(lambda: len(clients.traffic.answers) > 100, "answers of version 1")
        drop_second(repository, model)
        wait_for(stack, 2, "live", "rejected", "rolled_back", model=model, timeout_s=240)
        assert phase(stack, 2, model) == "live"
        assert phase(stack, 1, model) == "retired"
    assert clients.traffic.failed == []
    assert clients.traffic.tracks()["canary"] > 20
