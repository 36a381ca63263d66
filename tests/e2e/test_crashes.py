"""Killing Seawall's processes under load, with the real Triton."""

import os
from pathlib import Path

import pytest

from tests.support.clients import SteadyClients, infer_body, post
from tests.support.stack import TEST_MODELS, Stack, children_of, kill, wait_until

pytestmark = pytest.mark.triton

CLIENTS = 20


@pytest.fixture(scope="module")
def stack():
    with Stack(TEST_MODELS) as stack:
        yield stack


def grows_by(clients: SteadyClients, count: int) -> None:
    """Wait until the clients have got ``count`` more answers."""
    goal = clients.tally.total + count
    wait_until(lambda: clients.tally.total >= goal, f"{count} more answers", 60)


def test_a_killed_tritonserver_costs_no_client_its_answer(stack):
    """Whoever was being served when tritonserver died gets a late but right answer."""
    before = stack.triton_pid
    with SteadyClients(stack.http, CLIENTS) as clients:
        grows_by(clients, 200)
        kill(before)
        wait_until(lambda: stack.triton_pid != before, "a new tritonserver")
        grows_by(clients, 200)
    assert set(clients.tally.statuses) == {"200"}
    assert clients.tally.wrong == []
    assert stack.metric("seawall_replays_total") > 0


def test_a_killed_tritonserver_leaves_no_shared_memory_behind(stack):
    """After the restart only the regions of the new server exist."""
    before = set(stack.shared_memory())
    killed = stack.triton_pid
    kill(killed)
    wait_until(lambda: stack.get_status("/v2/health/ready") == 400, "the truth about readiness")
    wait_until(lambda: stack.triton_pid != killed, "a new tritonserver")
    wait_until(lambda: stack.get_status("/v2/health/ready") == 200, "ready again")
    now = set(stack.shared_memory())
    assert now
    assert not before & now


def test_traffic_does_not_notice_a_killed_controller(stack):
    """Gateways go on with the snapshot they have, and the controller comes back."""
    killed = stack.child_pid("control.controller.process")
    with SteadyClients(stack.http, CLIENTS) as clients:
        grows_by(clients, 200)
        kill(killed)
        grows_by(clients, 200)
        wait_until(lambda: _controller_is_back(stack, killed), "the controller is back")
        grows_by(clients, 200)
    assert set(clients.tally.statuses) == {"200"}
    assert clients.tally.wrong == []


def test_a_gateway_started_without_a_controller_knows_the_models(stack):
    """A worker that is restarted while the controller is dead serves from the kept snapshot."""
    controller = stack.child_pid("control.controller.process")
    gateway = stack.child_pid("control.gateway.process")
    os.kill(controller, 19)  # SIGSTOP: alive for the launcher, dead for everybody else
    try:
        kill(gateway)
        status, answer = post(stack.http, "/v2/models/identity/infer", infer_body([1.0]))
    finally:
        os.kill(controller, 18)
    assert status == 200
    assert answer["outputs"][0]["data"] == [1.0]


def test_a_model_whose_process_died_is_not_ready(stack):
    """Readiness tells the truth where Triton goes on saying 200; other models stay ready."""
    stubs = children_of(stack.triton_pid)
    faulty = next(pid for pid in stubs if b"/faulty/1/" in _command(pid))
    kill(faulty)
    wait_until(lambda: stack.get_status("/v2/models/faulty/ready") == 400, "faulty is not ready")
    assert stack.get_status("/v2/models/faulty/versions/1/ready") == 400
    assert stack.get_status("/v2/health/ready") == 400
    assert stack.get_status("/v2/models/identity/ready") == 200
    (seen,) = [one for one in stack.status()["models"] if one["model"] == "faulty"]
    assert seen["ready"] is False
    assert "died" in seen["reason"]
    status, answer = post(stack.http, "/v2/models/faulty/infer", infer_body([0.0]))
    assert (status, answer["code"]) == (503, "upstream_unavailable")


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _controller_is_back(stack: Stack, killed: int) -> bool:
    try:
        return stack.child_pid("control.controller.process") != killed and bool(stack.status())
    except (AssertionError, OSError):
        return False
