"""Learning in the gateway: what is looked into, reported and shown."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from control.contracts.compiled import CompiledContract
from control.core.drift import Envelope
from control.core.findings import Findings
from control.core.snapshot import VersionView
from control.gateway.traffic import MOST_VERSIONS, Traffic
from control.learning.recent import WINDOW_S, WINDOWS
from control.learning.summary import VersionSummary
from control.link.events import decode_event
from control.observability.metrics import GatewayMetrics
from tests.learning.made_requests import Spec, numbers, request, texts, view_of
from tests.support.polls import eventually

INPUTS: Mapping[str, Spec] = {"X": ("FP32", [-1]), "T": ("BYTES", [-1])}
DECILES = tuple(float(place) for place in range(11))
REQUEST = request(numbers("X", "FP32", [1.0, 2.0]), texts("T", ["abc"]), t=1)


@dataclass
class FakeUplink:
    """Takes reports, or does not."""

    connections: int = 1
    takes: bool = True
    reports: list[VersionSummary] = field(default_factory=list)
    gateways: set[str] = field(default_factory=set)

    def offer(self, event: bytes) -> bool:
        """Take a report while it takes any."""
        if self.takes:
            report = decode_event(event)
            self.reports.append(report.traffic)
            self.gateways.add(report.gateway)
        return self.takes


class Learning:
    """Traffic with a clock that moves when told."""

    def __init__(self) -> None:
        self.now_s = 6000.0
        self.uplink = FakeUplink()
        self.registry = CollectorRegistry()
        chance = random.Random(1)
        self.traffic = Traffic(
            self.uplink, GatewayMetrics(self.registry), lambda: self.now_s, chance.random
        )

    def series(self, name: str, **labels: str) -> float | None:
        """The value of a series."""
        labels = {"model": "m", "version": "1", "input": "X", "feature": "values"} | labels
        return self.registry.get_sample_value(name, labels)

    async def turn(self) -> VersionSummary | None:
        """One turn; the report that it sent, if any."""
        self.uplink.reports.clear()
        await self.traffic.turn()
        return self.uplink.reports[-1] if self.uplink.reports else None


@pytest.fixture
def learning() -> Learning:
    """Nothing is learned yet."""
    return Learning()


def enveloped(inputs: Mapping[str, Spec] = INPUTS, **features: tuple[float, ...]) -> VersionView:
    """A version whose contract knows how X was distributed."""
    envelope = Envelope({"X": features or {"values": DECILES}})
    rules = CompiledContract(
        revision="r", enforced=True, batched=False, inputs={}, outputs={}, drift=envelope
    )
    return view_of(inputs, rules=rules)


async def test_what_passes_is_learned_and_reported(learning: Learning) -> None:
    """A few requests are all looked into, and told to the controller with the next turn."""
    view = view_of(INPUTS)
    findings = Findings(token_counts={"T": [7]})
    for number in range(10):
        learning.traffic.note(view, REQUEST, findings, 100 + number)
    report = await learning.turn()
    assert report is not None
    assert (report.model, report.version) == ("m", 1)
    assert (report.requests, report.sketched, report.body_bytes_high) == (10, 10, 109)
    assert report.inputs["X"].features.keys() == {"dim0", "values"}
    assert report.inputs["T"].features.keys() == {"dim0", "bytes", "chars", "tokens"}
    assert report.inputs["T"].features["tokens"].high == 7
    assert report.parameters.keys() == {"t"}


async def test_of_many_requests_only_some_are_looked_into(learning: Learning) -> None:
    """All are counted, their largest batch and body too; the work stays the same."""
    view = view_of(INPUTS, max_batch_size=8)
    small = request(numbers("X", "FP32", [1.0], [1, 1]))
    large = request(numbers("X", "FP32", [1.0] * 8, [8, 1]))
    for number in range(20_000):
        learning.now_s += 0.001
        learning.traffic.note(view, large if number == 777 else small, None, number)
    report = await learning.turn()
    assert report is not None
    assert (report.requests, report.batch_high, report.body_bytes_high) == (20_000, 8, 19_999)
    assert report.sketched == pytest.approx(1050, rel=0.15)


async def test_all_versions_together_have_a_rate_too(learning: Learning) -> None:
    """Many busy models do not add up to a busy gateway."""
    views = [view_of(INPUTS, version=number) for number in range(1, 21)]
    for _ in range(1000):
        learning.now_s += 0.01
        for view in views:
            learning.traffic.note(view, REQUEST, None, 1)
    await learning.turn()
    assert sum(one.sketched for one in learning.uplink.reports) < 10 * 200 * 1.3
    assert min(one.sketched for one in learning.uplink.reports) > 0


async def test_only_what_changed_is_reported(learning: Learning) -> None:
    """A version without new requests costs nothing."""
    view = view_of(INPUTS)
    learning.traffic.note(view, REQUEST, None, 1)
    assert await learning.turn() is not None
    assert await learning.turn() is None
    learning.traffic.note(view, REQUEST, None, 1)
    assert await learning.turn() is not None
    assert len(learning.uplink.gateways) == 1


async def test_a_report_that_was_not_taken_is_made_again(learning: Learning) -> None:
    """Without a controller nothing is kept for it, and nothing is lost."""
    learning.traffic.note(view_of(INPUTS), REQUEST, None, 1)
    learning.uplink.takes = False
    assert await learning.turn() is None
    learning.uplink.takes = True
    report = await learning.turn()
    assert report is not None
    assert report.requests == 1


async def test_a_new_controller_is_told_everything_again(learning: Learning) -> None:
    """What was learned survives the controller in the gateways."""
    learning.traffic.note(view_of(INPUTS), REQUEST, None, 1)
    assert await learning.turn() is not None
    learning.uplink.connections += 1
    assert await learning.turn() is not None
    assert await learning.turn() is None


async def test_a_newer_view_of_the_same_inputs_goes_on(learning: Learning) -> None:
    """Each snapshot makes new views; what was learned stays as long as the inputs do."""
    learning.traffic.note(view_of(INPUTS), REQUEST, None, 1)
    learning.traffic.note(view_of(INPUTS), REQUEST, None, 1)
    report = await learning.turn()
    assert report is not None
    assert report.requests == 2


async def test_other_inputs_are_learned_from_the_start(learning: Learning) -> None:
    """A version that was loaded anew with another config has no past."""
    learning.traffic.note(view_of(INPUTS), REQUEST, None, 1)
    assert await learning.turn() is not None
    other = request(numbers("X", "INT32", [5]))
    learning.traffic.note(view_of({"X": ("INT32", [-1])}), other, None, 1)
    report = await learning.turn()
    assert report is not None
    assert report.requests == 1
    assert report.inputs["X"].features["values"].low == 5


async def test_versions_come_and_go_without_filling_memory(learning: Learning) -> None:
    """Of too many versions the one without requests for longest is forgotten."""
    busy = view_of(INPUTS)
    for number in range(2, 3 * MOST_VERSIONS):
        learning.now_s += 1.0
        learning.traffic.note(busy, REQUEST, None, 1)
        learning.traffic.note(view_of(INPUTS, version=number), REQUEST, None, 1)
    assert len(learning.traffic._versions) == MOST_VERSIONS
    assert ("m", 1) in learning.traffic._versions


async def test_breaches_of_an_observed_contract_are_learned(learning: Learning) -> None:
    """A proposal can then say that requests broke a rule."""
    rules = CompiledContract(
        revision="r", enforced=False, batched=False, inputs={}, outputs={}, request_bytes=10
    )
    findings = rules.check_request(REQUEST, 20)
    for _ in range(3):
        learning.traffic.note(view_of(INPUTS, rules=rules), REQUEST, findings, 20)
    report = await learning.turn()
    assert report is not None
    assert report.breaches == {"body request_bytes": 3}


async def test_an_input_with_a_hundred_companions_is_learned_too(learning: Learning) -> None:
    """Where a request has many inputs, some of them are looked at, in turns."""
    inputs: Mapping[str, Spec] = {f"I{number}": ("FP32", [1]) for number in range(100)}
    view = view_of(inputs)
    whole = request(*(numbers(name, "FP32", [1.0]) for name in inputs))
    for _ in range(40):
        learning.now_s += 0.1
        learning.traffic.note(view, whole, None, 1)
    report = await learning.turn()
    assert report is not None
    assert len(report.inputs) == 32
    assert {one.requests for one in report.inputs.values()} == {1, 2}


async def test_drift_is_shown_where_the_contract_knows_better_days(learning: Learning) -> None:
    """The same distribution has an index near 0, another one does not."""
    chance = random.Random(2)
    view = enveloped()
    for _ in range(200):
        learning.now_s += 0.1
        values = [chance.uniform(0.0, 10.0) for _ in range(8)]
        learning.traffic.note(view, request(numbers("X", "FP32", values)), None, 1)
    await learning.turn()
    steady = learning.series("seawall_input_drift_psi")
    assert steady is not None
    assert steady < 0.05
    assert learning.series("seawall_input_outside_envelope_ratio") == 0.0
    for _ in range(400):
        learning.now_s += 0.1
        values = [chance.uniform(9.0, 14.0) for _ in range(8)]
        learning.traffic.note(view, request(numbers("X", "FP32", values)), None, 1)
    await learning.turn()
    moved = learning.series("seawall_input_drift_psi")
    outside = learning.series("seawall_input_outside_envelope_ratio")
    assert moved is not None
    assert moved > 0.25
    assert outside is not None
    assert outside == pytest.approx(0.53, abs=0.1)


async def test_without_enough_data_nothing_is_shown(learning: Learning) -> None:
    """No data is not health: before there is any the series is absent."""
    view = enveloped()
    learning.traffic.note(view, REQUEST, None, 1)
    await learning.turn()
    assert learning.series("seawall_input_drift_psi") is None


@pytest.mark.parametrize("passed_s", [WINDOW_S * WINDOWS, 1e6])
async def test_what_is_over_is_taken_back(learning: Learning, passed_s: float) -> None:
    """When traffic ends the measure ends: below 0 the exposition leaves it out."""
    view = enveloped()
    for _ in range(200):
        learning.now_s += 0.1
        learning.traffic.note(view, REQUEST, None, 1)
    await learning.turn()
    assert (learning.series("seawall_input_drift_psi") or 0.0) > 0.25
    learning.now_s += passed_s
    await learning.turn()
    assert learning.series("seawall_input_drift_psi") == -1.0
    assert learning.series("seawall_input_outside_envelope_ratio") == -1.0


async def test_a_new_contract_is_compared_from_the_start(learning: Learning) -> None:
    """Counts by the old deciles say nothing about the new ones; features without go."""
    for _ in range(200):
        learning.now_s += 0.1
        learning.traffic.note(enveloped(), REQUEST, None, 1)
    await learning.turn()
    assert (learning.series("seawall_input_drift_psi") or 0.0) > 0.25
    learning.traffic.note(enveloped(dim0=(2.0,) * 11), REQUEST, None, 1)
    await learning.turn()
    assert learning.series("seawall_input_drift_psi") == -1.0
    for _ in range(200):
        learning.now_s += 0.1
        learning.traffic.note(enveloped(dim0=(2.0,) * 11), REQUEST, None, 1)
    await learning.turn()
    assert learning.series("seawall_input_drift_psi", feature="dim0") == pytest.approx(0.0)


async def test_it_turns_by_itself(learning: Learning) -> None:
    """The background task reports every few seconds until it is cancelled."""
    learning.traffic.note(view_of(INPUTS), REQUEST, None, 1)
    running = asyncio.create_task(learning.traffic.run(interval_s=0.001))
    await eventually(lambda: learning.uplink.reports, "the report is sent")
    running.cancel()
