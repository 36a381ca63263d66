"""The configuration that each target is started with."""

import tomllib
from pathlib import Path

import pytest

from benchmarks.targets import TargetFailed, TcpAddress
from benchmarks.targets.envoy import bootstrap
from benchmarks.targets.envoy_overload import OverloadGuards, guarded, guards_for
from benchmarks.targets.process import ChildProcess, FreePorts
from benchmarks.targets.seawall import RunningSeawall, Seawall
from tests.support.polls import eventually

ADAPTIVE = "envoy.filters.http.adaptive_concurrency"


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


def test_guarded_envoy_limits_what_can_be_answered_in_time() -> None:
    """Both priorities together may have as much in flight as the deadline allows."""
    guards = guards_for(capacity_rps=200.0, deadline_s=0.5)
    assert (guards.max_requests, guards.max_requests_high) == (50, 50)
    assert guards_for(0.1, 0.1).max_requests == 1


def test_guarded_envoy_sends_high_priority_past_the_adaptive_limit() -> None:
    """High priority has its own route and circuit breaker; all else meets the adaptive limit."""
    plain = bootstrap(Path("/run/t.sock"), 9601)
    config = guarded(plain, OverloadGuards(0.25, max_requests=30, max_requests_high=40))
    (listener,), (cluster,) = (
        config["static_resources"][part] for part in ("listeners", "clusters")
    )
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    high, rest = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert [one["name"] for one in manager["http_filters"]] == [ADAPTIVE, "router"]
    assert high["match"]["headers"][0]["string_match"] == {"exact": "high"}
    assert high["typed_per_filter_config"][ADAPTIVE]["disabled"] is True
    assert "typed_per_filter_config" not in rest
    assert [one["route"]["timeout"] for one in (high, rest)] == ["0.25s", "0.25s"]
    limits = {
        one["priority"]: one["max_requests"] for one in cluster["circuit_breakers"]["thresholds"]
    }
    assert limits == {"DEFAULT": 30, "HIGH": 40}


def runs(pid: int) -> bool:
    """Whether a process still does anything; one that nobody has waited for yet does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def test_a_child_that_does_not_end_is_killed_with_its_own_children(tmp_path: Path) -> None:
    """A server that is killed leaves nobody behind who takes CPU from the next one."""
    child = ChildProcess(["sh", "-c", "trap '' TERM; sleep 60 & wait; wait"], tmp_path / "log")
    child.start()
    await eventually(lambda: len(child.tree()) == 2, "the child has its own child")
    tree = child.tree()
    child.stop(patience_s=0.1)
    await eventually(lambda: not any(map(runs, tree)), "both are gone")
