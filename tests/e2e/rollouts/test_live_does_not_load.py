"""A live version that does not load any more takes no other version with it."""

import pytest

from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.versions import code_of, drop, make_repository
from tests.e2e.rollouts.watching import phase, rollout, version, wait_for
from tests.support.stack import Stack, kill, wait_until

pytestmark = pytest.mark.triton

_CONTRACT = """\
canary:
  step_weights: [50]
  interval_s: 2
  minimum_samples: 10
  bake_time_s: {bake_s}
  verification: {{load_timeout_s: 8}}
"""


@pytest.fixture
def weights(tmp_path):
    """A file outside of the repository: version 1 does not load without it."""
    file = tmp_path / "weights.bin"
    file.write_bytes(b"1")
    return file


@pytest.fixture
def repository(tmp_path, weights):
    """One with such a version 1."""
    folder = tmp_path / "models"
    folder.mkdir()
    make_repository(folder, _CONTRACT.format(bake_s=3))
    code = code_of("good").replace("self.calls = 0", f"self.calls = open({str(weights)!r}) and 0")
    (folder / "twice" / "1" / "model.py").write_text(code)
    return folder


def restart_tritonserver(stack: Stack) -> None:
    """Kill it, and wait until another has come up."""
    killed = stack.triton_pid
    kill(killed)
    wait_until(lambda: stack.triton_pid != killed, "a new tritonserver")


def test_a_mended_drop_goes_live_where_the_live_version_does_not_load(repository, weights):
    """It is not rejected for the other's fault; it takes over at once, since nobody answers."""
    with Stack(repository) as stack:
        weights.unlink()
        restart_tritonserver(stack)
        wait_until(lambda: "version_left_out" in stack.log.read_text(), "version 1 has failed", 60)
        drop(repository, 2, "good")
        reason = wait_for(stack, 2, "promoting", "rejected", "rolled_back", "live")["reason"]
        with SteadyTraffic(stack.http) as clients:
            assert wait_for(stack, 2, "live", "rejected", "rolled_back")["phase"] == "live", reason
            wait_for(stack, 1, "retired")
    assert clients.traffic.failed == []


def test_a_version_that_bakes_stays_where_the_one_before_does_not_come_up(repository, weights):
    """After a restart of tritonserver it is loaded by itself, and answers all requests."""
    contract = repository / "twice" / "contract.yaml"
    contract.write_text(contract.read_text().replace("bake_time_s: 3", "bake_time_s: 300"))
    with Stack(repository) as stack:
        with SteadyTraffic(stack.http) as clients:
            drop(repository, 2, "good")
            wait_for(stack, 2, "promoting")
            wait_until(lambda: rollout(stack)["stable"] == 2, "it has all requests")
        weights.unlink()
        restart_tritonserver(stack)
        wait_until(lambda: "version_left_out" in stack.log.read_text(), "version 1 has failed", 60)
        with SteadyTraffic(stack.http) as after:
            wait_until(lambda: len(after.traffic.answers) > 200, "so many answers", 60)
            known = rollout(stack)["rollout"]
        assert phase(stack, 2) == "promoting", version(stack, 2)
        assert "version 1 does not load: FileNotFoundError" in known["held_up_by"]
    assert clients.traffic.failed == []
    assert after.traffic.failed == []
