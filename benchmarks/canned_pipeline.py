"""Times the gateway's pipeline alone, in front of a Triton that is a canned answer."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson
from prometheus_client import CollectorRegistry

from control.config import Settings
from control.contracts.artifacts import ArtifactStore
from control.core.contract import derive_contract
from control.core.findings import ContractRules, Findings
from control.core.protection import DEFAULT_PROTECTION, Protection
from control.core.routes import CanaryRoute, Route
from control.core.snapshot import ModelView, Snapshot, VersionView
from control.core.tensors import InferRequest
from control.gateway.answers import Answers, Given
from control.gateway.caller import Caller
from control.gateway.codec.triton_form import Answer, encode_for_triton
from control.gateway.contract_gate import ContractGate
from control.gateway.heavy_work import HeavyWork
from control.gateway.identify import Identifier
from control.gateway.observe import Observer
from control.gateway.pipeline import Gates, Pipeline, Roads
from control.gateway.protection.fallbacks import Fallbacks
from control.gateway.protection.guards import Guards
from control.gateway.protection.protected_calls import ProtectedCalls
from control.gateway.quota_gate import open_quota_gate
from control.gateway.rollouts.board import CanaryBoard
from control.gateway.rollouts.canary_calls import CanaryCalls
from control.gateway.rollouts.courses import Courses
from control.gateway.rollouts.left_behind import LeftBehind
from control.gateway.rollouts.shadows import Shadows
from control.gateway.snapshots import SnapshotHolder
from control.gateway.target import Target
from control.gateway.traffic import Traffic
from control.gateway.translation import Translation
from control.gateway.triton_calls import TritonCalls
from control.gateway.triton_servers import TritonServers
from control.gateway.upstream_gate import HoldLimits, UpstreamGate
from control.link.uplink import LinkUplink
from control.observability.metrics import GatewayMetrics
from control.runtime import RuntimePaths
from control.triton.address import Address
from control.triton.series import TritonSeries
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
    """A pipeline in front of a canned answer; ``bare`` calls it with no guard in between."""

    def __init__(
        self,
        rules: ContractRules | None,
        data: bytes,
        directory: Path,
        protection: Protection = DEFAULT_PROTECTION,
        *,
        bare: bool = False,
        canary: CanaryRoute | None = None,
    ) -> None:
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
            config_json=orjson.dumps(CONFIG),
            rules=rules,
            protection=protection,
        )
        snapshots.accept(_snapshot(view, canary))
        settings, paths = Settings(), RuntimePaths(directory)
        paths.run.mkdir(exist_ok=True)
        contract = ContractGate(heavy, observer, ArtifactStore(directory))
        quotas = open_quota_gate(settings, paths, metrics)
        translation, triton = Translation(heavy, 2**26, 2**24), _Canned(metrics, data)
        servers = TritonServers(triton, _nowhere)
        guards = Guards(settings, paths, metrics, triton, TritonSeries(""))
        guards.learn(snapshots.current)
        board = CanaryBoard(metrics, LinkUplink())
        board.learn(snapshots.current)
        calls = (_BareCalls if bare else ProtectedCalls)(
            guards, servers, translation, contract, board.watch_of
        )
        fallbacks = Fallbacks(snapshots, guards.reuse, metrics)
        answers = (_BareAnswers if bare else Answers)(guards, calls, fallbacks, contract)
        canary_calls = CanaryCalls(answers, contract)
        self._pipeline = Pipeline(
            snapshots,
            Gates(Identifier(required=False), quotas, contract, 60.0),
            translation,
            Roads(
                answers,
                Courses(board, canary_calls, Shadows(canary_calls), LeftBehind(canary_calls)),
            ),
            observer,
            Traffic(LinkUplink(), metrics),
        )
        header = (
            b'{"inputs":[{"name":"X","shape":[1,16],"datatype":"FP32","parameters":'
            b'{"binary_data_size":64}}],"parameters":{"temperature":1.0,"binary_data_output":true}}'
        )
        self._headers = {b"inference-header-content-length": b"%d" % len(header)}
        self._header, self._data = header, data
        self._sent = 0

    async def seconds(self, calls: int = 3000, *, distinct: bool = False) -> float:
        """Time one request, on average over many, which may all be ``distinct``."""
        target = Target("bench", None)
        body = self._header + self._data
        bodies = [body] * calls
        if distinct:
            numbers = range(self._sent, self._sent + calls)
            bodies = [body[:-4] + number.to_bytes(4, "little") for number in numbers]
            self._sent += calls
        started_s = time.perf_counter()
        for one in bodies:
            reply = await self._pipeline.infer(target, self._headers, one)
        took_s = time.perf_counter() - started_s
        assert reply.status == 200, bytes(reply.body[0])  # noqa: PLR2004, S101
        return took_s / calls


def _snapshot(view: VersionView, canary: CanaryRoute | None) -> Snapshot:
    """Give a snapshot of the version, perhaps beside one like it that is tried out."""
    if canary is None:
        return Snapshot(1, {"bench": ModelView("bench", {1: view})})
    route = Route(1, frozenset({1}), canary)
    versions = {1: view, canary.version: replace(view, version=canary.version)}
    return Snapshot(1, {"bench": ModelView("bench", versions, route)}, routes={"bench": route})


def _nowhere(address: str) -> TritonCalls:
    raise ValueError(address)


async def _is_live() -> bool:
    return True


class _Open(UpstreamGate):
    """A gate that nothing closes."""

    @property
    def is_open(self) -> bool:
        """Whether calls go through."""
        return True


class _BareCalls(ProtectedCalls):
    """Calls with nothing but the deadline."""

    async def send(
        self, caller: Caller, view: VersionView, request: InferRequest, deadline_s: float
    ) -> Answer:
        """Call, decode, and check the answer."""
        raw = await self._servers.main.infer(view, encode_for_triton(request), deadline_s)
        caller.seen.answered()
        answer = await self._translation.decode_answer(raw)
        await self._contract.accept(caller.seen, view, answer, request)
        return answer


class _BareAnswers(Answers):
    """Answers that are always called for, once."""

    def refuse_hopeless(self, caller: Caller, view: VersionView, request: InferRequest) -> None:
        """Refuse nobody."""

    async def find(
        self,
        caller: Caller,
        view: VersionView,
        request: InferRequest,
        findings: Findings,  # noqa: ARG002
    ) -> Given:
        """Call."""
        return Given(await self._calls.send(caller, view, request, caller.deadline_s))


class _Canned(TritonCalls):
    """Answers at once with what came, as the identity model does."""

    def __init__(self, metrics: GatewayMetrics, data: bytes) -> None:
        upstream = Upstream(Address(unix_path="none"))
        super().__init__(upstream, metrics, hold=HoldLimits(1, 1.0), timeout_s=1.0)
        self.gate = _Open(_is_live, HoldLimits(1, 1.0), metrics)
        header = (
            b'{"model_name":"bench","model_version":"1","outputs":[{"name":"Y","datatype":"FP32",'
            b'"shape":[1,16],"parameters":{"binary_data_size":64}}]}'
        )
        headers = {b"inference-header-content-length": b"%d" % len(header)}
        self._answer = UpstreamAnswer(200, headers, header + data)

    async def infer(self, *_request: object) -> UpstreamAnswer:
        """Answer."""
        return self._answer

    async def infer_once(self, *_request: object) -> UpstreamAnswer:
        """Answer."""
        return self._answer
