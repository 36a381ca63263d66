"""Starting and ending a whole Seawall."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clients import SteadyClients, infer_body, post
from tests.support.stack import ROOT, TEST_MODELS, Stack, wait_until

pytestmark = pytest.mark.triton


SLOW_CLIENT = """\
import sys
from tests.support.clients import infer_body, post
print(post(sys.argv[1], "/v2/models/faulty/infer", infer_body([9.0, 2.0]))[0])
"""


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_leaves_no_process_no_memory_and_no_socket(number):
    """SIGTERM and Ctrl-C both end every process and remove all that they used."""
    with Stack(TEST_MODELS) as stack:
        started = stack.descendants()
        assert stack.shared_memory()
        assert stack.process is not None
        stack.process.send_signal(number)
        assert stack.process.wait(60) == 0
    assert [pid for pid in started if is_running(pid)] == []
    assert stack.shared_memory() == []
    assert not (stack.state / "run").exists()


def test_requests_under_way_are_answered_before_the_end():
    """A request that Triton is computing when SIGTERM comes gets its answer."""
    with Stack(TEST_MODELS) as stack:
        slow = subprocess.Popen(
            [
                sys.executable,
                "-c",
                SLOW_CLIENT,
                stack.http,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        wait_until(lambda: stack.metric("seawall_in_flight_requests") == 1, "it is under way")
        assert stack.stop() == 0
        out, _ = slow.communicate(timeout=10)
    assert out.strip() == b"200"


def test_a_killed_launcher_leaves_no_orphan():
    """SIGKILL on the launcher ends all others too; the next start removes what they left."""
    stack = Stack(TEST_MODELS)
    with stack:
        started = stack.descendants()
        assert stack.process is not None
        os.kill(stack.process.pid, signal.SIGKILL)
        stack.process.wait(10)
        wait_until(lambda: not any(map(is_running, started)), "all processes have ended")
        left = set(stack.shared_memory())
        stack.start()
        assert not left & set(stack.shared_memory())
        assert post(stack.http, "/v2/models/identity/infer", infer_body([1.0]))[0] == 200


def test_two_workers_share_one_address():
    """With several gateways on one address all requests are answered."""
    with Stack(TEST_MODELS, {"gateway": {"workers": 2}}) as stack:
        wait_until(lambda: stack.status()["gateways"] == 2, "both workers follow the controller")
        with SteadyClients(stack.http, 8) as clients:
            wait_until(lambda: clients.tally.total > 200, "answers")
        assert set(clients.tally.statuses) == {"200"}


def test_a_second_seawall_on_the_same_state_is_refused():
    """Two launchers never share a state directory; the second says so."""
    with Stack(TEST_MODELS) as stack:
        second = subprocess.run(
            [sys.executable, "-m", "control", "serve", "--config", str(stack.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert second.returncode == 2
    assert "another Seawall runs" in second.stderr


def test_a_taken_port_is_a_clear_error():
    """An address in use is named, and nothing is left running."""
    with Stack(TEST_MODELS) as stack:
        other = Stack(TEST_MODELS, {"gateway": {"http": stack.http}})
        second = subprocess.run(
            [sys.executable, "-m", "control", "serve", "--config", str(other.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert second.returncode == 2
    assert f"cannot listen on {stack.http}" in second.stderr


def test_a_broken_model_does_not_keep_the_others_from_starting(tmp_path):
    """A model without model.py would hang Triton's start for ever: it is left out and named."""
    for model in ("identity", "text"):
        (tmp_path / model).symlink_to(TEST_MODELS / model)
    broken = tmp_path / "broken"
    (broken / "1").mkdir(parents=True)
    (broken / "config.pbtxt").write_text('backend: "python"\nmax_batch_size: 1\n')
    raising = tmp_path / "raising"
    (raising / "1").mkdir(parents=True)
    (raising / "config.pbtxt").write_text('backend: "python"\nmax_batch_size: 1\n')
    (raising / "1" / "model.py").write_text("raise RuntimeError('no weights')\n")
    with Stack(tmp_path) as stack:
        models = {one["model"] for one in stack.status()["models"] if one["ready"]}
        assert models == {"identity", "text"}
        assert "version 1 has no model.py" in stack.log.read_text()
        assert stack.get_status("/v2/models/raising/ready") == 400
