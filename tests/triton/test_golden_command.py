"""The command line of the embedded tritonserver, word by word."""

from pathlib import Path

from control.triton.server_command import ServerPlan, server_arguments

PLAN = ServerPlan(
    repository=Path("/repository"),
    backends=Path("/run/backends"),
    http_socket=Path("/run/http.sock"),
    grpc_socket=Path("/run/grpc.sock"),
    metrics_port=1234,
    admin_secret="s3cret",
    shared_memory_prefix="seawall_x_",
    exit_timeout_s=7,
    models=["a", "b"],
    has_gpu=True,
)


def test_the_command_line_is_what_it_is() -> None:
    """Every argument is meant: a change here is a change of what guards Triton."""
    restricted = "model-repository,shared-memory,logging,trace:admin-key=s3cret"
    assert server_arguments(PLAN) == [
        "--model-repository=/repository",
        "--backend-directory=/run/backends",
        "--model-control-mode=explicit",
        "--load-model=a",
        "--load-model=b",
        "--exit-on-error=false",
        "--strict-readiness=false",
        "--exit-timeout-secs=7",
        "--http-address=unix:/run/http.sock",
        "--grpc-address=unix:/run/grpc.sock",
        "--grpc-port=1",
        "--metrics-address=127.0.0.1",
        "--metrics-port=1234",
        f"--http-restricted-api={restricted}",
        f"--grpc-restricted-protocol={restricted}",
        "--backend-config=python,shm-region-prefix-name=seawall_x_",
        "--log-format=ISO8601",
    ]
