import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from control.core.contract import derive_contract
from control.core.snapshot import ModelView, Snapshot, VersionView
from control.gateway.triton_calls import TritonCalls
from control.gateway.upstream_gate import HoldLimits
from control.observability.metrics import GatewayMetrics
from control.triton.address import Address
from control.triton.upstream import Upstream
from tests.fakes.fake_triton import FakeTriton

IDENTITY: dict[str, Any] = {
    "name": "identity",
    "max_batch_size": 8,
    "input": [{"name": "INPUT0", "data_type": "TYPE_FP32", "dims": [-1]}],
    "output": [{"name": "OUTPUT0", "data_type": "TYPE_FP32", "dims": [-1]}],
}


def make_view(
    model: str = "identity", version: int = 1, *, ready: bool = True, **config: Any
) -> VersionView:
    """A version of a model that gives back what it gets, with some other config."""
    groups = [{"name": f"{model}_0", "count": 1}]
    document = {**IDENTITY, "name": model, "instance_group": groups, **config}
    return VersionView(
        model=model,
        version=version,
        loaded=True,
        ready=ready,
        reason="" if ready else "sick",
        contract=derive_contract(document),
        metadata_json=json.dumps({"name": model, "versions": [str(version)]}).encode(),
        config_json=json.dumps(document).encode(),
    )


def snapshot_of(*views: VersionView) -> Snapshot:
    """A snapshot of these versions."""
    models: dict[str, dict[int, VersionView]] = {}
    for one in views:
        models.setdefault(one.model, {})[one.version] = one
    return Snapshot(
        1, {name: ModelView(name, versions) for name, versions in models.items()}, b'{"name":"t"}'
    )


def value_of(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """One sample of a registry; 0 where it does not exist."""
    return registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of this test's own."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> GatewayMetrics:
    """The gateway's series in it."""
    return GatewayMetrics(registry)


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeTriton]:
    """A scripted Triton."""
    async with FakeTriton(tmp_path / "triton.sock") as triton:
        yield triton


class CallsMaker:
    """Makes TritonCalls with an open gate over a fake, and cleans up after them."""

    def __init__(self, fake: FakeTriton, metrics: GatewayMetrics) -> None:
        self._fake, self._metrics = fake, metrics
        self._made: list[TritonCalls] = []

    async def __call__(
        self, *, timeout_s: float = 20.0, opened: bool = True, **hold: float
    ) -> TritonCalls:
        limits = HoldLimits(**{"probe_interval_s": 0.005, **hold})  # type: ignore[arg-type]
        upstream = Upstream(Address(unix_path=str(self._fake.path)))
        calls = TritonCalls(upstream, self._metrics, hold=limits, timeout_s=timeout_s)
        self._made.append(calls)
        if opened:
            calls.gate.close("starting")
            await calls.gate.wait_open(asyncio.get_running_loop().time() + 20.0)
            self._fake.seen.clear()
        return calls

    async def close(self) -> None:
        """End probing and connections."""
        for calls in self._made:
            calls.upstream.on_idle_lost = lambda: None
            calls.upstream.close()
            for task in (calls.gate._prober, calls.gate._checker):
                if task is not None:
                    task.cancel()
        await asyncio.sleep(0)


@pytest.fixture
async def make_calls(fake: FakeTriton, metrics: GatewayMetrics) -> AsyncIterator[CallsMaker]:
    """Make ``TritonCalls`` over the fake."""
    maker = CallsMaker(fake, metrics)
    yield maker
    await maker.close()
