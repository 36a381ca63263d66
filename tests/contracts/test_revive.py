"""A resolved contract does at a gateway what it does where it was read."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from control.contracts.artifacts import ArtifactMissing, ArtifactStore
from control.contracts.compiled import CompiledContract
from control.contracts.faults import ContractBroken
from control.contracts.folder import ContractSource, ResolvedContract, read_contract, revive
from control.core.tensors import AnswerTensor, InferRequest, Tensor
from tests.contracts.contract_files import (
    contract_of,
    floats,
    integers,
    request_of,
    texts,
    word_pieces,
)

BOUNDS = st.sampled_from([-1, 0, 0.1, 0.5, 2])
TEXT_RULES = st.fixed_dictionaries(
    {},
    optional={
        "min_bytes": st.integers(0, 3),
        "max_bytes": st.integers(3, 20),
        "min_chars": st.integers(0, 3),
        "max_chars": st.integers(3, 12),
        "encoding": st.just("utf-8"),
        "pattern": st.sampled_from(["[a-z ]*", "(?s).{0,9}"]),
        "values": st.lists(st.sampled_from(["hello", "a", "1", "é"]), min_size=1),
        "json_schema": st.sampled_from([True, {"type": "integer"}, {"enum": [1, 1.5, "a"]}]),
        "tokens": st.fixed_dictionaries(
            {"tokenizer": st.just("t.json")},
            optional={"max": st.integers(2, 5), "on_excess": st.sampled_from(["truncate"])},
        ),
    },
)
NUMBER_RULES = st.fixed_dictionaries(
    {},
    optional={
        "min": BOUNDS,
        "finite": st.booleans(),
        "integer": st.booleans(),
        "values": st.lists(BOUNDS, min_size=1),
        "dims": st.sampled_from([[-1], [2], [{"max": 2}], [{"min": 2}], [None]]),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["enforce", "observe"]),
        "limits": st.fixed_dictionaries(
            {},
            optional={
                "batch": st.integers(1, 3),
                "deadline_ms": st.sampled_from([10, 0.5 + 2**20]),
                "concurrency": st.sampled_from([5, {"max": 1}, {"min": 2000}, {}]),
            },
        ),
        "inputs": st.fixed_dictionaries({}, optional={"TEXT": TEXT_RULES, "X": NUMBER_RULES}),
        "outputs": st.fixed_dictionaries({}, optional={"Y": NUMBER_RULES}),
        "parameters": st.sampled_from(
            [{}, {"p": {"type": "integer", "max": 1}}, {"p": {"type": "number", "required": True}}]
        ),
        "other_parameters": st.sampled_from(["allow", "reject"]),
        "rules": st.sampled_from([{}, {"same_length": [["X", "N"]]}]),
        "breaker": st.sampled_from([{}, {"sliding_window_size": 9}, {"sliding_window_size": 30}]),
        "retries": st.sampled_from([{}, {"num_retries": 0}, {"per_try_timeout_ms": 5}]),
        "fallbacks": st.sampled_from(
            [
                [{"version": 2}],
                [{"model": {"name": "other", "inputs": {"A": "X"}}}],
            ]
        ),
        "generate": st.sampled_from([{"json_schema": {"required": ["a"]}}, {"json_schema": False}]),
    },
)
REQUESTS = st.builds(
    lambda words, numbers, parameters: request_of(
        texts("TEXT", words), floats("X", numbers), integers("N", [1] * len(words)), **parameters
    ),
    st.lists(st.sampled_from(["hello", "a a a a a", "", "1", "é", b"\xff"]), max_size=3),
    st.lists(st.sampled_from([0.1, 0.5, 1.0, float("nan"), float("inf")]), max_size=3),
    st.sampled_from([{}, {"p": 1}, {"p": 2}, {"p": True}, {"q": "x"}]),
)


def source_of(folder: Path, document: dict[str, Any]) -> ContractSource:
    """Write a contract and read it."""
    (folder / "t.json").write_bytes(word_pieces())
    (folder / "contract.yaml").write_text(yaml.safe_dump(document))
    source = read_contract(folder, 1, contract_of())
    assert source is not None
    return source


def verdicts(rules: CompiledContract, request: InferRequest) -> tuple[object, ...]:
    """Everything that a contract says of a request, an answer and a document."""
    inputs = [Tensor(one.name, one.datatype, one.shape, one.data) for one in request.inputs]
    copied = InferRequest(inputs, parameters=request.parameters)
    answer = [AnswerTensor("Y", "FP32", one.shape, one.data) for one in inputs if one.name == "X"]
    return (
        rules.revision,
        rules.enforced,
        rules.protection,
        rules.check_request(copied, 5),
        [bytes(one.data) for one in inputs],
        rules.check_answer(answer),
        rules.check_generate(b"{}"),
        rules.effort(inputs),
        rules.document_us(5),
    )


@settings(deadline=None, max_examples=150)
@given(document=DOCUMENTS, requests=st.lists(REQUESTS, min_size=1, max_size=4))
def test_a_revived_contract_says_the_same(tmp_path_factory, document, requests):
    """After the way to another process it is the contract that it was."""
    folder = tmp_path_factory.mktemp("model")
    source = source_of(folder, document)
    store = ArtifactStore(folder / "artifacts")
    store.put(source.tokenizers)
    sent = msgspec.json.decode(msgspec.json.encode(source.resolved), type=ResolvedContract)
    assert sent == source.resolved
    revived = revive(sent, contract_of(), store.counters(sent))
    for request in requests:
        assert verdicts(revived, request) == verdicts(source.compiled, request)


def test_a_static_answer_is_the_same_to_the_bit(tmp_path):
    """Numbers, texts and shapes come through the way to another process."""
    step = {"static": {"Y": [0.1, 2**63, -1e-30], "LABEL": "é"}}
    source = source_of(tmp_path, {"fallbacks": [step]})
    sent = msgspec.json.decode(msgspec.json.encode(source.resolved), type=ResolvedContract)
    assert revive(sent, contract_of(), {}).protection == source.compiled.protection


def test_a_contract_that_no_longer_fits_is_refused(tmp_path):
    """What the model's config does not allow is no contract, also if it once was one."""
    source = source_of(tmp_path, {"inputs": {"X": {"min": 1}}})
    other = {"name": "m", "input": [{"name": "X", "data_type": "TYPE_STRING", "dims": [1]}]}
    with pytest.raises(ContractBroken, match=r"inputs\.X\.min: is a rule for numbers"):
        revive(source.resolved, contract_of(other), {})


def test_a_contract_of_another_form_is_refused():
    """A document that this version does not know is not half applied."""
    with pytest.raises(ContractBroken, match="contract"):
        revive(ResolvedContract({"inputs": {"X": {"colour": 1}}}, {}), contract_of(), {})


def test_tokens_are_never_left_uncounted(tmp_path):
    """A contract that counts tokens without its tokenizer is refused, not weakened."""
    source = source_of(tmp_path, {"inputs": {"TEXT": {"tokens": {"tokenizer": "t.json"}}}})
    with pytest.raises(ContractBroken, match=r"inputs\.TEXT\.tokens\.tokenizer: is missing"):
        revive(source.resolved, contract_of(), {})


def test_artifacts_are_what_their_name_says(tmp_path):
    """A file that is gone or was changed is not used; it is healed when it is put again."""
    source = source_of(tmp_path, {"inputs": {"TEXT": {"tokens": {"tokenizer": "t.json"}}}})
    store = ArtifactStore(tmp_path / "artifacts")
    with pytest.raises(ArtifactMissing, match="cannot be read: No such file"):
        store.counters(source.resolved)
    store.put(source.tokenizers)
    assert store.counters(source.resolved)["TEXT"].count(["hello"]) == [3]
    (kept,) = store.directory.iterdir()
    kept.write_bytes(kept.read_bytes().replace(b"hello", b"jello"))
    with pytest.raises(ArtifactMissing, match="was changed on disk") as caught:
        store.counters(source.resolved)
    assert str(tmp_path) not in str(caught.value)
    store.put(source.tokenizers)
    assert list(store.directory.iterdir()) == [kept]
    assert store.counters(source.resolved)["TEXT"].count(["hello"]) == [3]
