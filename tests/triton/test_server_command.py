from pathlib import Path

import pytest

from control.triton.server_command import ServerPlan, grpc_address, server_arguments


def arguments(*models: str, has_gpu: bool = False) -> list[str]:
    """The arguments for these models."""
    return server_arguments(
        ServerPlan(
            repository=Path("/repository"),
            backends=Path("/run/backends"),
            http_socket=Path("/run/http.sock"),
            grpc_socket=Path("/run/grpc.sock"),
            metrics_port=4242,
            admin_secret="s3cret",
            shared_memory_prefix="seawall_x_",
            exit_timeout_s=7,
            models=models,
            has_gpu=has_gpu,
        )
    )


@pytest.mark.parametrize("protocol", ["--http-restricted-api=", "--grpc-restricted-protocol="])
def test_management_needs_the_secret_on_both_protocols(protocol: str) -> None:
    """Repository, shared memory, logging and tracing are locked, over HTTP and over gRPC alike."""
    (one,) = (text for text in arguments() if text.startswith(protocol))
    locked, _, secret = one.removeprefix(protocol).partition(":")
    assert set(locked.split(",")) == {"model-repository", "shared-memory", "logging", "trace"}
    assert secret == "admin-key=s3cret"


def test_each_model_is_named_once_and_none_by_a_pattern() -> None:
    """Only models that were looked at are loaded; a pattern would let a broken one hang all."""
    given = [one for one in arguments("a", "b") if one.startswith("--load-model")]
    assert given == ["--load-model=a", "--load-model=b"]
    assert "--model-control-mode=explicit" in arguments()
    assert not any(one.startswith("--load-model") for one in arguments())


def test_nothing_listens_where_others_can_reach_it() -> None:
    """Inference is on private sockets, metrics on loopback."""
    given = arguments()
    assert "--http-address=unix:/run/http.sock" in given
    assert "--grpc-address=unix:/run/grpc.sock" in given
    assert "--metrics-address=127.0.0.1" in given
    assert "--metrics-port=4242" in given


def test_the_gpu_is_switched_off_only_where_there_is_none() -> None:
    """A machine without a GPU is told so; one with a GPU keeps what Triton does by itself."""
    switches = [one for one in arguments() if "gpu" in one or "pinned" in one]
    assert switches == ["--allow-gpu-metrics=false", "--pinned-memory-pool-byte-size=0"]
    assert [one for one in arguments(has_gpu=True) if "gpu" in one or "pinned" in one] == []
    assert set(arguments()) - set(arguments(has_gpu=True)) == set(switches)


def test_no_argument_stands_twice() -> None:
    """Each thing is said once."""
    names = [one.split("=")[0] for one in arguments()]
    assert len(names) == len(set(names))


def test_the_grpc_socket_has_tritons_suffix() -> None:
    """Triton adds a colon and its port to the name of the socket."""
    assert grpc_address(Path("/run/grpc.sock")) == "unix:/run/grpc.sock:1"
    assert "--grpc-port=1" in arguments()
