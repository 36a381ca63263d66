"""Times the gateway's pipeline alone, in front of a Triton that is a canned answer."""

import time
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from control.contracts.artifacts import ArtifactStore
from control.core.contract import derive_contract
from control.core.findings import ContractRules
from control.core.snapshot import ModelView, Snapshot, VersionView
from control.gateway.contract_gate import ContractGate
from control.gateway.heavy_work import HeavyWork
from control.gateway.observe import Observer
from control.gateway.pipeline import Pipeline, PipelineLimits, Target
from control.gateway.snapshots import SnapshotHolder
from control.gateway.triton_calls import TritonCalls
from control.gateway.upstream_gate import HoldLimits
from control.observability.metrics import GatewayMetrics
from control.triton.address import Address
from control.triton.upstream import Upstream, UpstreamAnswer

#: A model with an input of every kind that the rules are measured on.
CONFIG: Final[dict[str, Any]] = {
    "name": "bench",
    "max_batch_size": 64,
    "input": [
        {"name": "X", "data_type": "TYPE_FP32", "dims": ["-1"]},
        {"name": "H", "data_type": "TYPE_FP16", "dims": ["-1"], "optional": True},
        {"name": "K", "data_type": "TYPE_INT64", "dims": ["-1"], "optional": True},
        {"name": "TEXT", "data_type": "TYPE_STRING", "dims": ["-1"], "optional": True},
    ],
    "output": [{"name": "Y", "data_type": "TYPE_FP32", "dims": ["-1"]}],
}


class PipelineBench:
    """A pipeline in front of a canned answer."""

    def __init__(self, rules: ContractRules | None, data: bytes, directory: Path) -> None:
        metrics, snapshots = GatewayMetrics(CollectorRegistry()), SnapshotHolder()
        observer, heavy = Observer(metrics, "none"), HeavyWork()
        view = VersionView(
            model="bench",
            version=1,
            loaded=True,
            ready=True,
            reason="",
            contract=derive_contract(CONFIG),
            metadata_json=b"",
            config_json=b"",
            rules=rules,
        )
        snapshots.accept(Snapshot(1, {"bench": ModelView("bench", {1: view})}))
        gate = ContractGate(heavy, observer, ArtifactStore(directory))
        triton = _Canned(snapshots, metrics, data)
        self._pipeline = Pipeline(snapshots, triton, observer, gate, heavy, PipelineLimits())
        header = (
            b'{"inputs":[{"name":"X","shape":[1,16],"datatype":"FP32","parameters":'
            b'{"binary_data_size":64}}],"parameters":{"temperature":1.0,"binary_data_output":true}}'
        )
        self._headers = {b"inference-header-content-length": b"%d" % len(header)}
        self._body = header + data

    async def seconds(self, calls: int = 3000) -> float:
        """Time one request, on average over many."""
        target = Target("bench", None)
        started_s = time.perf_counter()
        for _ in range(calls):
            reply = await self._pipeline.infer(target, self._headers, self._body)
        took_s = time.perf_counter() - started_s
        assert reply.status == 200, bytes(reply.body[0])  # noqa: PLR2004, S101
        return took_s / calls


class _Canned(TritonCalls):
    """Answers at once with what came, as the identity model does."""

    def __init__(self, snapshots: SnapshotHolder, metrics: GatewayMetrics, data: bytes) -> None:
        upstream = Upstream(Address(unix_path="none"))
        super().__init__(upstream, snapshots, metrics, hold=HoldLimits(1, 1.0), timeout_s=1.0)
        header = (
            b'{"model_name":"bench","model_version":"1","outputs":[{"name":"Y","datatype":"FP32",'
            b'"shape":[1,16],"parameters":{"binary_data_size":64}}]}'
        )
        headers = {b"inference-header-content-length": b"%d" % len(header)}
        self._answer = UpstreamAnswer(200, headers, header + data)

    async def infer(self, *_request: object) -> UpstreamAnswer:
        """Answer."""
        return self._answer
