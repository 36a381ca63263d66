"""Puts a gateway together from its settings: the composition root of the data plane."""

import asyncio
from functools import partial

from prometheus_client import CollectorRegistry

from control.config import GatewaySettings, Settings
from control.contracts.artifacts import ArtifactStore
from control.core.snapshot import Snapshot
from control.gateway.answers import Answers
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
from control.gateway.traffic import Traffic
from control.gateway.translation import Translation
from control.gateway.triton_calls import TritonCalls
from control.gateway.triton_servers import TritonServers
from control.gateway.upstream_gate import HoldLimits
from control.identity.jwt_tokens import jwt_rules
from control.link.decoding import SnapshotDecoder
from control.link.subscriber import SnapshotSubscriber
from control.observability.metrics import GatewayMetrics
from control.observability.upstream_series import UnseenSeries, UpstreamSeries
from control.runtime import RuntimePaths
from control.triton.address import parse_address
from control.triton.series import TritonSeries
from control.triton.upstream import Upstream

_WRITE_INTERVAL_S = 0.25


class Gateway:
    """The parts of one gateway. Make it on its event loop."""

    def __init__(self, settings: Settings, paths: RuntimePaths) -> None:
        """Build all parts; nothing runs yet."""
        limits = settings.gateway
        artifacts = ArtifactStore(paths.artifacts)
        self._background: list[asyncio.Task[None]] = []
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry)
        self.snapshots = SnapshotHolder(limits.hold_timeout_s)
        self.triton = connect(settings.triton.http_url, limits, self.metrics)
        self.servers = TritonServers(self.triton, partial(connect_apart, limits))
        self.heavy = HeavyWork()
        self.observer = Observer(self.metrics, settings.log.access)
        self.identifier = Identifier(
            required=settings.asks_for_identity(), jwt=jwt_rules(settings.identity)
        )
        self.quotas = open_quota_gate(settings, paths, self.metrics)
        self.subscriber = SnapshotSubscriber(
            paths.link_socket,
            paths.kept_snapshot,
            SnapshotDecoder(artifacts).decode,
            self.snapshots.accept,
        )
        self.traffic = Traffic(self.subscriber.uplink, self.metrics)
        self.triton_series = TritonSeries(settings.triton.metrics_url)
        self.guards = Guards(settings, paths, self.metrics, self.triton, self.triton_series)
        self.canaries = CanaryBoard(self.metrics, self.subscriber.uplink)
        contract = ContractGate(self.heavy, self.observer, artifacts)
        translation = Translation(self.heavy, limits.max_body_bytes, limits.max_json_bytes)
        self.pipeline = Pipeline(
            self.snapshots,
            Gates(self.identifier, self.quotas, contract, limits.timeout_s),
            translation,
            self._roads(contract, translation),
            self.observer,
            self.traffic,
        )
        self.snapshots.on_change(self._learn)

    def start(self) -> None:
        """Begin to look for Triton and to follow the controller, from its last snapshot on."""
        self.triton.gate.close("starting")
        self.subscriber.load_kept()
        self._background = [
            asyncio.create_task(self.subscriber.run()),
            asyncio.create_task(self._write_down_for_ever()),
            asyncio.create_task(self.traffic.run()),
            asyncio.create_task(self.canaries.run()),
            *map(asyncio.create_task, self.guards.background(self.subscriber.uplink)),
        ]

    def stop(self) -> None:
        """End what ``start`` began, and the helper process."""
        for task in self._background:
            task.cancel()
        self.shadows.close()
        self.left_behind.close()
        self.servers.close()
        self.heavy.close()
        self.quotas.close()
        self.traffic.close()

    def write_down(self) -> None:
        """Bring the metrics up to date with what has been counted."""
        self.observer.write_down()
        self.guards.write_down()
        self.canaries.write_down()

    async def _write_down_for_ever(self) -> None:
        """Write the counts down a few times a second: cheaper than several times a request."""
        while True:
            self.write_down()
            await asyncio.sleep(_WRITE_INTERVAL_S)

    def _roads(self, contract: ContractGate, translation: Translation) -> Roads:
        watch_of = self.canaries.watch_of
        calls = ProtectedCalls(self.guards, self.servers, translation, contract, watch_of)
        fallbacks = Fallbacks(self.snapshots, self.guards.reuse, self.metrics)
        answers = Answers(self.guards, calls, fallbacks, contract)
        canary_calls = CanaryCalls(answers, contract)
        self.shadows, self.left_behind = Shadows(canary_calls), LeftBehind(canary_calls)
        courses = Courses(self.canaries, canary_calls, self.shadows, self.left_behind)
        return Roads(answers, courses)

    def _learn(self, snapshot: Snapshot) -> None:
        self.identifier.learn(snapshot.access)
        self.quotas.learn(snapshot.access)
        self.servers.learn(snapshot)
        self.guards.learn(snapshot)
        self.canaries.learn(snapshot)

    def is_ready(self) -> bool:
        """Whether Triton takes calls and every model that it has loaded can answer."""
        loaded = [model for model in self.snapshots.current.models.values() if model.loaded]
        return (
            bool(loaded)
            and self.triton.gate.is_open
            and all(self._can_answer(model.name, None) for model in loaded)
        )

    def is_model_ready(self, model: str, version: int | None) -> bool:
        """Whether a request for this version (None: the default) would get an answer now."""
        return self._can_answer(model, version)

    def _can_answer(self, model: str, version: int | None) -> bool:
        view = self.snapshots.choose_ready(model, version)
        if view is None or not self.servers.of(view).gate.is_open:
            return False
        return self.guards.breakers.is_calling_useful(view)


def connect(url: str, limits: GatewaySettings, series: UpstreamSeries) -> TritonCalls:
    """Make the way to the tritonserver at an address; raises ValueError."""
    return TritonCalls(
        Upstream(parse_address(url), patience_s=limits.timeout_s),
        series,
        hold=HoldLimits(max_held=limits.max_held, timeout_s=limits.hold_timeout_s),
        timeout_s=limits.timeout_s,
    )


def connect_apart(limits: GatewaySettings, url: str) -> TritonCalls:
    """Make the way to a version's own server, which the controller has seen at work."""
    calls = connect(url, limits, UnseenSeries())
    calls.gate.presume_open()
    return calls
