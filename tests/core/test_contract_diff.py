"""What breaks a caller who was right before, and what does not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import Contract, TensorSpec, check_answer, check_request
from control.core.contract_diff import ContractDiff, diff_contracts
from control.core.tensors import AnswerTensor, InferRequest, Tensor

TEXT = TensorSpec("TEXT", "BYTES", (1,))
PRIOR = TensorSpec("PRIOR", "FP32", (-1, 3), optional=True)
SCORE = TensorSpec("SCORE", "FP32", (-1,))
LABEL = TensorSpec("LABEL", "BYTES", (1,), labelled=True)


def contract_of(
    inputs: list[TensorSpec], outputs: list[TensorSpec], batch: int = 8, **kind: Any
) -> Contract:
    """A contract as ``derive_contract`` would build it."""
    return Contract(
        model="m",
        max_batch_size=batch,
        inputs={one.name: one for one in inputs},
        outputs={one.name: one for one in outputs},
        required=frozenset(one.name for one in inputs if not one.optional),
        **kind,
    )


LIVE = contract_of([TEXT, PRIOR], [SCORE, LABEL])


def given_inputs(*inputs: TensorSpec) -> Contract:
    """The live contract with other inputs."""
    return contract_of([*inputs], [SCORE, LABEL])


def given_outputs(*outputs: TensorSpec) -> Contract:
    """The live contract with other outputs."""
    return contract_of([TEXT, PRIOR], [*outputs])


NEW_TENSOR = TensorSpec("NEW", "INT64", (2,))


@pytest.mark.parametrize(
    ("new", "sentences"),
    [
        (given_inputs(TEXT), ["input PRIOR is gone"]),
        (
            given_inputs(TEXT, replace(PRIOR, name="WEIGHTS")),
            ["input PRIOR is gone (WEIGHTS is new, and alike: renamed?)"],
        ),
        (given_inputs(TEXT, PRIOR, NEW_TENSOR), ["input NEW is new, and required"]),
        (
            given_inputs(replace(TEXT, datatype="FP32"), PRIOR),
            ["input TEXT: the datatype was BYTES, and is FP32"],
        ),
        (
            given_inputs(TEXT, replace(PRIOR, dims=(5, 3))),
            ["input PRIOR: dimension 0 was of any size, and is 5"],
        ),
        (
            given_inputs(TEXT, replace(PRIOR, dims=(-1, 4))),
            ["input PRIOR: dimension 1 was 3, and is 4"],
        ),
        (
            given_inputs(TEXT, replace(PRIOR, dims=(3,))),
            ["input PRIOR: the rank without the batch was 2, and is 1"],
        ),
        (
            given_inputs(TEXT, replace(PRIOR, optional=False)),
            ["input PRIOR was optional, and is required"],
        ),
        (given_outputs(SCORE), ["output LABEL is gone"]),
        (
            given_outputs(replace(SCORE, datatype="FP64"), LABEL),
            ["output SCORE: the datatype was FP32, and is FP64"],
        ),
        (
            given_outputs(replace(SCORE, dims=(-1, 2)), LABEL),
            ["output SCORE: the rank without the batch was 1, and is 2"],
        ),
        (
            given_outputs(SCORE, replace(LABEL, dims=(-1,))),
            ["output LABEL: dimension 0 was 1, and is of any size"],
        ),
        (
            given_outputs(SCORE, replace(LABEL, labelled=False)),
            ["output LABEL has no longer names of classes"],
        ),
        (replace(LIVE, max_batch_size=4), ["the largest batch was 8, and is 4"]),
        (
            replace(LIVE, max_batch_size=0),
            ["batching is gone: the first dimension was a batch of at most 8"],
        ),
        (
            replace(LIVE, stateful=True),
            ["the model is stateful (sequence_batching) now"],
        ),
        (
            replace(LIVE, decoupled=True),
            ["the model is decoupled (any number of answers to a request) now"],
        ),
    ],
)
def test_what_fails_a_caller_is_breaking(new: Contract, sentences: list[str]) -> None:
    """Each is told in a sentence of its own, with what was and what is."""
    found = diff_contracts(LIVE, new)
    assert [*found.breaking] == sentences


@pytest.mark.parametrize(
    ("new", "sentences"),
    [
        (
            given_inputs(TEXT, PRIOR, replace(NEW_TENSOR, optional=True)),
            ["input NEW is new, and optional"],
        ),
        (
            given_inputs(replace(TEXT, optional=True), PRIOR),
            ["input TEXT was required, and is optional"],
        ),
        (
            given_inputs(replace(TEXT, dims=(-1,)), PRIOR),
            ["input TEXT: dimension 0 was 1, and is of any size"],
        ),
        (replace(LIVE, max_batch_size=16), ["the largest batch was 8, and is 16"]),
        (given_outputs(SCORE, LABEL, NEW_TENSOR), ["output NEW is new"]),
        (
            given_outputs(replace(SCORE, dims=(1,)), LABEL),
            ["output SCORE: dimension 0 was of any size, and is 1"],
        ),
        (
            given_outputs(replace(SCORE, labelled=True), LABEL),
            ["output SCORE has now names of classes"],
        ),
    ],
)
def test_more_room_and_more_exact_answers_are_compatible(
    new: Contract, sentences: list[str]
) -> None:
    """Whoever was right stays right, and can read what comes."""
    assert diff_contracts(LIVE, new) == ContractDiff(compatible=tuple(sentences))


def test_a_batch_that_is_new_changes_every_shape() -> None:
    """Callers who sent no batch dimension would be read wrongly."""
    (sentence,) = diff_contracts(replace(LIVE, max_batch_size=0), LIVE).breaking
    assert sentence == "batching is new: the first dimension must be a batch of at most 8"


def test_a_model_that_was_stateful_keeps_sequences_no_more() -> None:
    """What a caller built on is gone."""
    found = diff_contracts(replace(LIVE, stateful=True, decoupled=True), LIVE)
    assert all(one.startswith("the model is no longer ") for one in found.breaking)
    assert len(found.breaking) == 2


def test_diffs_add_up() -> None:
    """Configs and files are compared apart, and told together."""
    one = ContractDiff(("a",), ("b",))
    assert one + ContractDiff(("c",), ()) == ContractDiff(("a", "c"), ("b",))
    assert one + ContractDiff() == one


NAMES = st.sampled_from(["A", "B", "C"])
SPECS = st.builds(
    TensorSpec,
    name=NAMES,
    datatype=st.sampled_from(["FP32", "BYTES"]),
    dims=st.lists(st.integers(-1, 2), max_size=2).map(tuple),
    optional=st.booleans(),
    labelled=st.just(value=False),
)
CONTRACTS = st.builds(
    contract_of,
    st.lists(SPECS, max_size=3, unique_by=lambda one: one.name),
    st.lists(SPECS, max_size=2, unique_by=lambda one: one.name),
    st.integers(0, 3),
    stateful=st.booleans(),
    decoupled=st.booleans(),
)
SIZES = st.integers(0, 3)


@given(CONTRACTS)
def test_nothing_differs_from_itself(contract: Contract) -> None:
    """A version that is dropped again changes nothing for anybody."""
    assert diff_contracts(contract, contract) == ContractDiff()


@st.composite
def near_pairs(draw: st.DrawFn) -> tuple[Contract, Contract]:
    """Two contracts that differ in a few places."""
    live = draw(CONTRACTS)
    inputs = [
        replace(one, dims=tuple(draw(st.sampled_from([dim, -1, 1])) for dim in one.dims))
        for one in live.inputs.values()
    ]
    inputs += draw(st.lists(SPECS.filter(lambda one: one.name not in live.inputs), max_size=1))
    outputs = [
        replace(one, dims=tuple(draw(st.sampled_from([dim, -1, 1])) for dim in one.dims))
        for one in live.outputs.values()
    ]
    batch = draw(st.integers(0, 4))
    return live, contract_of(inputs, outputs, batch)


@st.composite
def shapes(draw: st.DrawFn, spec: TensorSpec, batch: int) -> list[int]:
    """A shape that keeps a contract."""
    rest = [draw(SIZES) if dim == -1 else dim for dim in spec.dims]
    return [batch, *rest] if batch else rest


@given(st.data())
def test_without_a_breaking_change_the_live_versions_requests_are_taken(data: Any) -> None:
    """Whatever keeps the live contract keeps the new one, answers the other way round."""
    live, new = data.draw(near_pairs())
    if diff_contracts(live, new).breaking:
        return
    for contract, other in ((live, new), (new, live)):
        batch = data.draw(st.integers(1, contract.max_batch_size)) if contract.max_batch_size else 0
        if contract is live:
            request = InferRequest(
                [
                    Tensor(one.name, one.datatype, data.draw(shapes(one, batch)), b"")
                    for one in contract.inputs.values()
                    if not one.optional or data.draw(st.booleans())
                ]
            )
            assert check_request(live, request) == []
            assert check_request(new, request) == []
        else:
            answer = [
                AnswerTensor(one.name, one.datatype, data.draw(shapes(one, batch)), b"")
                for one in contract.outputs.values()
                if one.name in other.outputs
            ]
            room = replace(live, max_batch_size=new.max_batch_size)
            assert check_answer(room, answer, InferRequest([])) == []
