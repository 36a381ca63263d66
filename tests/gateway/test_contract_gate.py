"""The contract's gate: what it lets pass, what it refuses, and where it thinks about it."""

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from control.contracts.artifacts import ArtifactStore
from control.contracts.folder import read_contract
from control.core.contract import derive_contract
from control.core.elements import unpack_bytes
from control.core.findings import Findings
from control.core.snapshot import VersionView
from control.core.tensors import AnswerTensor, InferRequest, Tensor
from control.errors import BadUpstreamAnswer, ContractViolated, UpstreamUnavailable
from control.gateway.codec.triton_form import Answer
from control.gateway.contract_gate import TRUNCATED, ContractGate, note_truncations
from control.gateway.heavy_work import HeavyWork
from control.gateway.observe import Observer
from control.observability.metrics import GatewayMetrics
from tests.contracts.contract_files import (
    CONFIG,
    config_json,
    contract_of,
    floats,
    request_of,
    texts,
    word_pieces,
)
from tests.fakes.watched_rules import WatchedRules

CUT = "inputs: {TEXT: {tokens: {tokenizer: t.json, max: 4, on_excess: truncate}}}"
CHARS = "inputs: {TEXT: {max_chars: 5}}"
#: So many texts are checked at once, on a thread, and in the helper process.
AT_ONCE, ON_A_THREAD, ELSEWHERE = 10, 2_000, 20_000


class Gate:
    """A gate with one version behind it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry)
        self.observer = Observer(self.metrics, "none")
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.heavy = HeavyWork()
        self.gate = ContractGate(self.heavy, self.observer, self.artifacts)
        (folder / "t.json").write_bytes(word_pieces())

    def view(self, text: str, config: dict[str, Any] = CONFIG) -> VersionView:
        """A version with this contract; without a word, with none."""
        rules, document = None, b""
        if text:
            (self.folder / "contract.yaml").write_text(text)
            source = read_contract(self.folder, 1, contract_of(config))
            assert source is not None
            self.artifacts.put(source.tokenizers)
            rules, document = WatchedRules(source.compiled), msgspec.json.encode(source.resolved)
        return VersionView(
            model="m",
            version=3,
            loaded=True,
            ready=True,
            reason="",
            contract=derive_contract(config),
            metadata_json=b"{}",
            config_json=config_json(config),
            contract_json=document,
            rules=rules,
        )

    async def admit(
        self, view: VersionView, request: InferRequest, document: bytes | None = None
    ) -> Findings:
        """Let a request in."""
        seen = self.observer.start("m", {}, 77)  # type: ignore[arg-type]
        seen.routed(view)
        return await self.gate.admit(seen, view, request, document)

    async def accept(self, view: VersionView, *tensors: AnswerTensor) -> None:
        """Let an answer out."""
        seen = self.observer.start("m", {}, 77)  # type: ignore[arg-type]
        seen.routed(view)
        request = request_of(floats("X", [1]))
        await self.gate.accept(seen, view, answer_of(*tensors), request)

    def counted(self, rule: str, mode: str) -> float:
        """How often a rule was broken, by the series."""
        labels = {"model": "m", "version": "3", "rule": rule, "mode": mode}
        return self.registry.get_sample_value("seawall_contract_violations_total", labels) or 0.0


def answer_of(*tensors: AnswerTensor) -> Answer:
    """An answer as Triton gave it."""
    return Answer("m", "3", "", {"a": 1}, list(tensors), b"", b"")


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    """A gate; its helper process ends with the test."""
    made = Gate(tmp_path)
    yield made
    helper = made.heavy._helper
    made.heavy.close()
    if helper is not None:
        await helper.wait()


def big_batch() -> dict[str, Any]:
    """The model, with room for many rows."""
    return {**CONFIG, "max_batch_size": 100_000}


def where(view: VersionView) -> str:
    """Where a version's contract was asked, of all its askings."""
    assert isinstance(view.rules, WatchedRules)
    kinds = {thread == threading.get_ident() for thread in view.rules.threads}
    return {(): "elsewhere", (True,): "at once", (False,): "on a thread"}[tuple(kinds)]


PATHS = [(AT_ONCE, "at once"), (ON_A_THREAD, "on a thread"), (ELSEWHERE, "elsewhere")]


@pytest.mark.parametrize(("count", "place"), PATHS)
@pytest.mark.parametrize("text", [CUT, f"mode: observe\n{CUT}"], ids=["enforce", "observe"])
async def test_findings_do_not_depend_on_where_they_are_made(gate, count, place, text):
    """Counts, cuts and violations are the same at once, on a thread and in the other process."""
    view = gate.view(text, big_batch())
    elements = ["a a a a a a" if n % 7 == 3 else "hello" for n in range(count)]
    request, same = (request_of(texts("TEXT", elements)) for _ in range(2))
    findings = await gate.admit(view, request)
    assert where(view) == place
    expected = view.rules.rules.check_request(same, 77)
    assert findings == expected
    assert bytes(request.inputs[0].data) == bytes(same.inputs[0].data)
    if "observe" not in text:
        assert len(findings.truncations) == len(elements[3::7])
        assert bytes(unpack_bytes(request.inputs[0].data)[3]) == b"a a"


@pytest.mark.parametrize(("count", "place"), PATHS)
async def test_refusals_do_not_depend_on_where_they_are_made(gate, count, place):
    """A client reads the same violations, whatever the size of its request."""
    view = gate.view(CHARS, big_batch())
    elements = ["long text" if n in (0, count - 1) else "short" for n in range(count)]
    with pytest.raises(ContractViolated) as caught:
        await gate.admit(view, request_of(texts("TEXT", elements)))
    assert where(view) == place
    assert [(one.path, one.rule, one.got) for one in caught.value.violations] == [
        ("inputs.TEXT[0]", "max_chars", 9),
        (f"inputs.TEXT[{count - 1}]", "max_chars", 9),
    ]
    assert caught.value.http_status == 422


@pytest.mark.parametrize(("count", "place"), [(100, "at once"), (3_000_000, "on a thread")])
async def test_large_numbers_are_checked_on_a_thread(gate, count, place):
    """They never go to the other process: numpy lets others run meanwhile."""
    view = gate.view("inputs: {X: {min: 0}}\noutputs: {Y: {min: 0}}")
    numbers = np.ones(count, np.float32)
    request = request_of(Tensor("X", "FP32", [1, count], numbers.tobytes()))
    assert (await gate.admit(view, request)).violations == []
    numbers[-1] = -1
    answer = AnswerTensor("Y", "FP32", [1, count], numbers.tobytes())
    with pytest.raises(BadUpstreamAnswer):
        await gate.accept(view, answer, label())
    assert where(view) == place
    assert gate.heavy._helper is None


def label(text: str = "good") -> AnswerTensor:
    """An answer's label."""
    return AnswerTensor("LABEL", "BYTES", [1, 1], texts("LABEL", [text]).data)


@pytest.mark.parametrize(
    ("size", "place"),
    [(100, "at once"), (60_000, "on a thread"), (200_000, "elsewhere")],
)
async def test_documents_are_checked_where_their_size_belongs(gate, size, place):
    """The body of /generate is held to its schema, at once, on a thread, or elsewhere."""
    view = gate.view("generate: {json_schema: {properties: {a: {type: array, maxItems: 3}}}}")
    good, bad = (b'{"a": [1,2,%s3]}' % extra for extra in (b"", b"4,"))
    assert await gate.admit(view, request_of(), good + b" " * size) == Findings()
    view.rules.threads.clear()
    with pytest.raises(ContractViolated) as caught:
        await gate.admit(view, request_of(), bad + b" " * size)
    asked = view.rules.threads[1:]
    kinds = {"at once": [threading.get_ident()], "elsewhere": []}
    assert asked == kinds.get(place, asked)
    assert (place == "on a thread") == (asked != [] and asked != [threading.get_ident()])
    assert [(one.path, one.rule) for one in caught.value.violations] == [("body.a", "json_schema")]


async def test_a_document_without_a_schema_is_sent_nowhere(gate):
    """A large body costs nothing where nothing is said of it."""
    view = gate.view("inputs: {X: {min: 0}}")
    assert await gate.admit(view, request_of(), b"x" * 1_000_000) == Findings()
    assert gate.heavy._helper is None


async def test_without_a_contract_triton_s_config_still_holds(gate):
    """What Triton would refuse is refused."""
    view = gate.view("")
    assert await gate.admit(view, request_of(floats("X", [1]))) == Findings()
    with pytest.raises(ContractViolated, match=r"inputs\.Z \(unknown_input\)"):
        await gate.admit(view, request_of(floats("Z", [1])))


async def test_all_violations_are_told_together(gate):
    """Those of Triton's config first, then the contract's; all are counted by rule."""
    view = gate.view("inputs: {X: {min: 0}, TEXT: {max_chars: 1}}\nlimits: {request_bytes: 10}")
    request = request_of(floats("X", [-1]), texts("TEXT", ["ab"]), floats("Z", [1]))
    with pytest.raises(ContractViolated) as caught:
        await gate.admit(view, request)
    rules = [one.rule for one in caught.value.violations]
    assert rules == ["unknown_input", "request_bytes", "min", "max_chars"]
    assert all(f"({rule})" in caught.value.message for rule in rules)
    assert "model 'm'" in caught.value.message
    assert [gate.counted(rule, "enforce") for rule in rules] == [0, 1, 1, 1]


async def test_what_is_only_observed_is_counted_and_passes(gate):
    """Except for what Triton itself would refuse."""
    view = gate.view(f"mode: observe\n{CHARS}\noutputs: {{Y: {{max: 1}}}}")
    bad = texts("TEXT", ["long text"])
    findings = await gate.admit(view, request_of(bad))
    assert [one.rule for one in findings.violations] == ["max_chars"]
    assert gate.counted("max_chars", "observe") == 1
    with pytest.raises(ContractViolated) as caught:
        await gate.admit(view, request_of(bad, floats("Z", [1])))
    assert [one.rule for one in caught.value.violations] == ["unknown_input"]
    await gate.accept(view, AnswerTensor("Y", "FP32", [1, 1], floats("Y", [5]).data), label())
    assert gate.counted("max", "observe") == 1


async def test_a_wrong_answer_never_reaches_the_client(gate):
    """All that is wrong with it is told, Triton's own promises first."""
    view = gate.view("outputs: {Y: {max: 1}, LABEL: {values: [good]}}")
    good = AnswerTensor("Y", "FP32", [1, 1], floats("Y", [1]).data)
    await gate.accept(view, good, label())
    bad = AnswerTensor("Y", "FP32", [2, 1], floats("Y", [0, 5]).data)
    with pytest.raises(BadUpstreamAnswer, match="model 'm' version 3 answered wrongly") as caught:
        await gate.accept(view, bad, label("bad"))
    assert [(one.path, one.rule) for one in caught.value.violations] == [
        ("outputs.Y.shape", "same_batch"),
        ("outputs.Y[1]", "max"),
        ("outputs.LABEL[0]", "values"),
    ]
    assert caught.value.http_status == 502
    assert gate.counted("max", "enforce") == 1


@pytest.mark.parametrize("make", [lambda n: floats(f"Z{n}", []), lambda _: floats("X", [])])
async def test_a_refusal_is_bounded(gate, make: Callable[[int], Tensor]):
    """However much is wrong, neither the list nor the sentence grows without end."""
    view = gate.view(f"{CHARS}\nparameters: {{}}")
    inputs = [make(n) for n in range(2000)]
    request = request_of(*inputs, **{f"p{n}": 1 for n in range(1000)})
    with pytest.raises(ContractViolated) as caught:
        await gate.admit(view, request)
    assert len(caught.value.violations) == 256
    assert len(caught.value.message) < 2500
    assert caught.value.message.endswith(" more")


async def test_cuts_are_told_in_the_answer(gate):
    """The first of them, in a parameter of the answer beside the model's own."""
    view = gate.view(CUT, big_batch())
    findings = await gate.admit(view, request_of(texts("TEXT", ["a"] + ["a a a a"] * 30)))
    answer = answer_of()
    note_truncations(answer, findings.truncations)
    assert answer.parameters is not None
    said = str(answer.parameters[TRUNCATED]).split("; ")
    assert said[0] == "inputs.TEXT[1]: 6 tokens cut to 4"
    assert (len(said), said[-1]) == (17, "and 14 more")
    assert answer.parameters["a"] == 1
    assert not answer.as_triton_wrote_it


async def test_a_tokenizer_that_is_gone_is_no_failure_of_the_request(gate):
    """Where the other process cannot load what the gateway could, the client may come back."""
    view = gate.view(CUT, big_batch())
    for file in (gate.folder / "artifacts").iterdir():
        file.unlink()
    request = request_of(texts("TEXT", ["hello"] * ELSEWHERE))
    with pytest.raises(UpstreamUnavailable) as caught:
        await gate.admit(view, request)
    assert caught.value.retry_after_s is not None
