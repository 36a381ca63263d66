"""The command line of the embedded tritonserver."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Triton adds ``:port`` to the name of its gRPC socket; the number is ours to choose.
_GRPC_SUFFIX = 1
#: Without these a server on a machine without a GPU complains at each start.
_WITHOUT_GPU = ("--allow-gpu-metrics=false", "--pinned-memory-pool-byte-size=0")


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What to start tritonserver with."""

    repository: Path
    backends: Path
    http_socket: Path
    grpc_socket: Path
    metrics_port: int
    admin_secret: str
    shared_memory_prefix: str
    exit_timeout_s: int
    models: Sequence[str]
    has_gpu: bool


def server_arguments(plan: ServerPlan) -> list[str]:
    """Give tritonserver's arguments.

    Sockets in a private directory keep everyone but Seawall out; the secret on the admin protocols
    is a second lock. Readiness is not strict, since one model that fails to load must not make the
    whole server look dead. Models are named one by one: ``*`` lets a broken one hang the start.
    """
    secret = f"admin-key={plan.admin_secret}"
    return [
        f"--model-repository={plan.repository}",
        f"--backend-directory={plan.backends}",
        "--model-control-mode=explicit",
        *(f"--load-model={model}" for model in plan.models),
        "--exit-on-error=false",
        "--strict-readiness=false",
        f"--exit-timeout-secs={plan.exit_timeout_s}",
        f"--http-address=unix:{plan.http_socket}",
        f"--grpc-address=unix:{plan.grpc_socket}",
        f"--grpc-port={_GRPC_SUFFIX}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={plan.metrics_port}",
        f"--http-restricted-api=model-repository,shared-memory,logging,trace:{secret}",
        f"--grpc-restricted-protocol=model-repository,shared-memory,logging,trace:{secret}",
        f"--backend-config=python,shm-region-prefix-name={plan.shared_memory_prefix}",
        "--log-format=ISO8601",
        *([] if plan.has_gpu else _WITHOUT_GPU),
    ]


def grpc_address(socket: Path) -> str:
    """Where the gRPC service listens when started with ``socket``."""
    return f"unix:{socket}:{_GRPC_SUFFIX}"
