"""Seawall in front of a tritonserver that somebody else runs."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from control.triton.installation import assemble_backends, find_installation, server_environment
from control.triton.shared_memory import remove_leaked_regions
from tests.support.clients import SteadyClients, infer_body, post
from tests.support.stack import TEST_MODELS, Stack, free_port, wait_until

pytestmark = pytest.mark.triton


class ExternalTriton:
    """A plain tritonserver on TCP ports; of Seawall's settings it has only the memory's name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._installation = find_installation()
        assemble_backends(self._installation, directory / "backends")
        self.http, self.grpc, self.metrics = (free_port() for _ in range(3))
        self._prefix = f"external_{self.http}_"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(self._installation.server),
                    f"--model-repository={TEST_MODELS}",
                    f"--backend-directory={self._directory / 'backends'}",
                    "--model-control-mode=explicit",
                    "--load-model=identity",
                    "--http-address=127.0.0.1",
                    f"--http-port={self.http}",
                    "--grpc-address=127.0.0.1",
                    f"--grpc-port={self.grpc}",
                    f"--metrics-port={self.metrics}",
                    "--exit-timeout-secs=3",
                    f"--backend-config=python,shm-region-prefix-name={self._prefix}",
                ],
                env=server_environment(self._installation),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)  # a stub in the middle of a call would live on
        self.process.wait(10)
        wait_until(
            lambda: (
                remove_leaked_regions(self._prefix) >= 0
                and not list(Path("/dev/shm").glob(f"{self._prefix}*"))
            ),
            "its shared memory is free",
        )


@pytest.fixture
def external(tmp_path):
    triton = ExternalTriton(tmp_path)
    triton.start()
    yield triton
    triton.stop()


@pytest.mark.parametrize("management", ["grpc", "http"])
def test_an_external_triton_is_served_and_managed_by_url(external, management):
    """With URLs alone Seawall serves, and reads the models over gRPC or, without it, over HTTP."""
    urls = {"http_url": f"127.0.0.1:{external.http}"}
    if management == "grpc":
        urls["grpc_url"] = f"127.0.0.1:{external.grpc}"
        urls["metrics_url"] = f"127.0.0.1:{external.metrics}"
    with Stack(TEST_MODELS, {"triton": urls}) as stack:
        status, answer = post(stack.http, "/v2/models/identity/infer", infer_body([1.0, 2.0]))
        assert (status, answer["outputs"][0]["data"]) == (200, [1.0, 2.0])
        assert stack.status()["triton"]["up"] is True
        series = stack.metric("nv_inference_request_success", model="identity")
        assert series == (1 if management == "grpc" else 0)
        assert stack.stop() == 0
    assert external.process.poll() is None


def test_requests_wait_for_an_external_triton_that_restarts(external):
    """Seawall cannot restart it, but holds requests until somebody has."""
    urls = {"http_url": f"127.0.0.1:{external.http}", "grpc_url": f"127.0.0.1:{external.grpc}"}
    with Stack(TEST_MODELS, {"triton": urls}) as stack:
        with SteadyClients(stack.http, 8) as clients:
            wait_until(lambda: clients.tally.total > 100, "answers")
            external.stop()
            wait_until(lambda: stack.get_status("/v2/health/ready") == 400, "not ready")
            before = clients.tally.total
            external.start()
            wait_until(lambda: clients.tally.total > before + 100, "answers again")
        assert set(clients.tally.statuses) == {"200"}
        assert clients.tally.wrong == []
