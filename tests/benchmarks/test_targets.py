"""The configuration that each target is started with."""

import tomllib
from pathlib import Path

import pytest

from benchmarks.targets import TargetFailed, TcpAddress
from benchmarks.targets.envoy import bootstrap
from benchmarks.targets.process import ChildProcess, FreePorts
from benchmarks.targets.seawall import RunningSeawall, Seawall


def test_envoy_listens_on_loopback_and_forwards_to_the_socket() -> None:
    """Envoy's one listener and one upstream are the ones given."""
    resources = bootstrap(Path("/run/t.sock"), 9601)["static_resources"]
    (listener,), (cluster,) = resources["listeners"], resources["clusters"]
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9601}
    assert endpoint["endpoint"]["address"] == {"pipe": {"path": "/run/t.sock"}}


def test_seawall_gets_one_worker_and_ports_of_its_own(tmp_path: Path) -> None:
    """One worker stands against Envoy's one, and no two services share a port."""
    seawall = Seawall(Path("/run/t.sock"), 9650, tmp_path, FreePorts(9600))
    config = tomllib.loads((tmp_path / "seawall.toml").read_text())
    addresses = [config[part]["http"] for part in ("gateway", "metrics", "admin")]
    assert config["gateway"]["workers"] == 1
    assert config["triton"] == {"http_url": "unix:/run/t.sock", "grpc_url": "127.0.0.1:9650"}
    assert len(set(addresses)) == len(addresses)
    assert isinstance(seawall.address, TcpAddress)
    assert addresses[0] == f"127.0.0.1:{seawall.address.port}"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "https://127.0.0.1:8000", "http://127.0.0.1"])
def test_running_seawall_needs_a_whole_http_address(url: str) -> None:
    """An address that the load generator cannot use is refused before anything starts."""
    with pytest.raises(ValueError, match="HOST:PORT"):
        RunningSeawall(url)


def test_server_that_dies_fails_with_its_own_words(tmp_path: Path) -> None:
    """Whoever sees the failure also sees why."""
    child = ChildProcess(["sh", "-c", "echo no such model; exit 1"], tmp_path / "log")
    child.start()
    with pytest.raises(TargetFailed, match="no such model"):
        child.wait_ready(TcpAddress("127.0.0.1", 9), "/", timeout_s=10.0)
    child.stop()


def test_child_ends_when_stopped_and_stop_may_repeat(tmp_path: Path) -> None:
    """Nothing that was started stays behind."""
    child = ChildProcess(["sleep", "60"], tmp_path / "log")
    child.start()
    (pid,) = child.tree()
    child.stop()
    child.stop()
    assert child.tree() == []
    assert not Path(f"/proc/{pid}").exists()
