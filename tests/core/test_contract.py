"""The derived contract and the checks against it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import Contract, TensorSpec, check_answer, check_request, derive_contract
from control.core.tensors import AnswerTensor, InferRequest, RequestedOutput, Tensor

NAMES = st.sampled_from(["A", "B", "C", "D"])
DATATYPES = st.sampled_from(["FP32", "INT64", "BYTES"])
DIMS = st.integers(-1, 3)
HUGE = st.sampled_from([0, 1, 2, 3, 2**31, 2**63 - 1, 2**64])

SPECS = st.builds(
    TensorSpec,
    name=NAMES,
    datatype=DATATYPES,
    dims=st.lists(DIMS, max_size=3).map(tuple),
    optional=st.booleans(),
    labelled=st.booleans(),
)


def contract_of(batch: int, inputs: list[TensorSpec], outputs: list[TensorSpec]) -> Contract:
    """A contract as ``derive_contract`` would build it."""
    return Contract(
        model="m",
        max_batch_size=batch,
        inputs={spec.name: spec for spec in inputs},
        outputs={spec.name: spec for spec in outputs},
        required=frozenset(
            name for name, one in {s.name: s for s in inputs}.items() if not one.optional
        ),
    )


CONTRACTS = st.builds(
    contract_of, st.integers(0, 3), st.lists(SPECS, max_size=4), st.lists(SPECS, max_size=4)
)
SHAPES = st.lists(st.integers(0, 4) | HUGE, max_size=4)
TENSORS = st.builds(Tensor, name=NAMES, datatype=DATATYPES, shape=SHAPES, data=st.just(b""))
ANSWERS = st.builds(AnswerTensor, name=NAMES, datatype=DATATYPES, shape=SHAPES, data=st.just(b""))
OUTPUTS = st.builds(
    RequestedOutput, name=NAMES, binary=st.booleans(), classification=st.integers(0, 2)
)


def fits(contract: Contract, spec: TensorSpec, shape: list[int]) -> bool:
    """The rule for shapes, as a sentence says it: a batch in range, then each dim its own size."""
    if contract.max_batch_size:
        if not shape or shape[0] not in range(1, contract.max_batch_size + 1):
            return False
        shape = shape[1:]
    return len(shape) == len(spec.dims) and all(
        dim in (-1, got) for dim, got in zip(spec.dims, shape, strict=True)
    )


def is_classifiable(spec: TensorSpec) -> bool:
    """Triton sorts numbers of fixed size, and by its own labels only what cannot be empty."""
    return spec.datatype != "BYTES" and not (spec.labelled and -1 in spec.dims)


@given(CONTRACTS, st.lists(TENSORS, max_size=4), st.lists(OUTPUTS, max_size=3))
def test_a_request_passes_exactly_when_every_rule_holds(
    contract: Contract, inputs: list[Tensor], outputs: list[RequestedOutput]
) -> None:
    """The check agrees with the rules written out one by one."""
    names = [one.name for one in inputs]
    wanted = [one.name for one in outputs]
    good = (
        set(names) <= set(contract.inputs)
        and len(set(names)) == len(names)
        and contract.required <= set(names)
        and all(one.datatype == contract.inputs[one.name].datatype for one in inputs)
        and all(fits(contract, contract.inputs[one.name], one.shape) for one in inputs)
        and (not contract.max_batch_size or len({one.shape[0] for one in inputs}) <= 1)
        and set(wanted) <= set(contract.outputs)
        and len(set(wanted)) == len(wanted)
        and all(
            not one.classification or is_classifiable(contract.outputs[one.name]) for one in outputs
        )
    )
    violations = check_request(contract, InferRequest(inputs, outputs))
    assert (not violations) == good
    for one in violations:
        assert one.path.startswith(("inputs.", "outputs."))
        assert one.rule


@given(
    CONTRACTS,
    st.lists(ANSWERS, max_size=4),
    st.lists(OUTPUTS, max_size=3),
    st.lists(st.integers(1, 3), max_size=1),
)
def test_an_answer_passes_exactly_when_it_keeps_the_promise(
    contract: Contract,
    answer: list[AnswerTensor],
    requested: list[RequestedOutput],
    batch: list[int],
) -> None:
    """An answer is good when all that was asked for came, and everything that came fits."""
    names = [one.name for one in answer]
    classified = {one.name for one in requested if one.classification}
    wanted = {one.name for one in requested} or set(contract.outputs)
    good = (
        set(names) <= set(contract.outputs)
        and len(set(names)) == len(names)
        and wanted <= set(names)
        and all(
            one.name in classified
            or (
                one.datatype == contract.outputs[one.name].datatype
                and fits(contract, contract.outputs[one.name], one.shape)
                and (not contract.max_batch_size or not batch or one.shape[0] == batch[0])
            )
            for one in answer
        )
    )
    inputs = [Tensor("A", "FP32", batch, b"") for _ in batch]
    assert (not check_answer(contract, answer, InferRequest(inputs, requested))) == good


def breaches(contract: Contract, *inputs: Tensor) -> list[tuple[str, str]]:
    """Paths and rules of a request's violations."""
    return [(one.path, one.rule) for one in check_request(contract, InferRequest(list(inputs)))]


A = TensorSpec("A", "FP32", (-1, 3))
B = TensorSpec("B", "INT64", (2,), optional=True)


def test_all_violations_are_listed_at_once() -> None:
    """A client learns everything that is wrong from one answer."""
    contract = contract_of(4, [A, B], [A])
    assert breaches(
        contract,
        Tensor("A", "FP64", [5, 2, 2], b""),
        Tensor("A", "FP32", [1, 2, 3], b""),
        Tensor("Z", "FP32", [1], b""),
        Tensor("B", "INT64", [], b""),
    ) == [
        ("inputs.A.datatype", "datatype"),
        ("inputs.A.shape", "batch_size"),
        ("inputs.A", "duplicate_input"),
        ("inputs.Z", "unknown_input"),
        ("inputs.B.shape", "batch_size"),
    ]
    assert breaches(contract) == [("inputs.A", "required_input")]


def test_all_inputs_have_one_batch_size() -> None:
    """Two inputs of different batch sizes are refused at the second."""
    contract = contract_of(4, [A, B], [])
    first, second = Tensor("A", "FP32", [2, 1, 3], b""), Tensor("B", "INT64", [3, 2], b"")
    assert breaches(contract, first, second) == [("inputs.B.shape", "same_batch")]


def test_without_a_batch_sizes_are_independent() -> None:
    """A model without batching has no first dimension to agree on."""
    contract = contract_of(0, [A, B], [])
    assert (
        breaches(contract, Tensor("A", "FP32", [9, 3], b""), Tensor("B", "INT64", [2], b"")) == []
    )


def test_a_violation_tells_the_limit_and_what_was_got() -> None:
    """A violation says what would have been right."""
    contract = contract_of(4, [A], [A])
    (shape,) = check_request(contract, InferRequest([Tensor("A", "FP32", [1, 2, 2], b"")]))
    assert (shape.limit, shape.got) == ([-1, -1, 3], [1, 2, 2])
    (batch,) = check_request(contract, InferRequest([Tensor("A", "FP32", [9, 2, 3], b"")]))
    assert (batch.limit, batch.got) == ("1..4", 9)


def test_a_classified_output_may_have_another_form() -> None:
    """Triton answers a classification with labels: BYTES, and fewer of them."""
    contract = contract_of(0, [], [A])
    answer = [AnswerTensor("A", "BYTES", [2], b"")]
    asked = InferRequest([], [RequestedOutput("A", classification=2)])
    assert check_answer(contract, answer, asked) == []
    assert check_answer(contract, answer, InferRequest([], [RequestedOutput("A")])) != []


def test_an_output_that_cannot_be_classified_is_refused() -> None:
    """What Triton would die of, or cannot sort, never reaches it."""
    text, labelled = TensorSpec("T", "BYTES", (1,)), TensorSpec("L", "FP32", (-1,), labelled=True)
    contract = contract_of(0, [], [text, labelled, A])
    asked = [RequestedOutput(name, classification=1) for name in ("T", "L", "A")]
    assert [(one.path, one.rule) for one in check_request(contract, InferRequest([], asked))] == [
        ("outputs.T.classification", "datatype"),
        ("outputs.L.classification", "fixed_size"),
    ]


def test_an_answer_of_another_batch_is_someone_elses() -> None:
    """Two rows in, two rows out: an answer with another number of rows is refused."""
    contract = contract_of(4, [A], [A])
    request = InferRequest([Tensor("A", "FP32", [2, 1, 3], b"")])
    (breach,) = check_answer(contract, [AnswerTensor("A", "FP32", [1, 1, 3], b"")], request)
    assert (breach.rule, breach.limit, breach.got) == ("same_batch", 2, 1)


def test_an_output_that_comes_twice_is_refused() -> None:
    """Which of the two would be the answer?"""
    contract = contract_of(0, [], [TensorSpec("A", "FP32", (1,))])
    twice = [AnswerTensor("A", "FP32", [1], b"")] * 2
    (breach,) = check_answer(contract, twice, InferRequest([]))
    assert breach.rule == "duplicate_output"


@given(SHAPES)
def test_no_shape_is_large_enough_to_wrap(shape: list[int]) -> None:
    """Sizes near and past 64 bits are compared as they are."""
    contract = contract_of(0, [TensorSpec("A", "FP32", (2, 2))], [])
    assert (breaches(contract, Tensor("A", "FP32", shape, b"")) == []) == (shape == [2, 2])


def test_a_contract_is_derived_from_tritons_own_config() -> None:
    """Names, datatypes, dims, optional inputs, batch and decoupling come from Triton's document."""
    config: dict[str, Any] = {
        "name": "m",
        "max_batch_size": 8,
        "input": [
            {"name": "A", "data_type": "TYPE_FP32", "dims": ["-1", 3]},
            {"name": "T", "data_type": "TYPE_STRING", "dims": [1], "optional": True},
        ],
        "output": [{"name": "O", "data_type": "TYPE_BF16", "label_filename": "l.txt"}],
        "model_transaction_policy": {"decoupled": True},
        "sequence_batching": {},
    }
    assert derive_contract(config) == Contract(
        model="m",
        max_batch_size=8,
        inputs={
            "A": TensorSpec("A", "FP32", (-1, 3)),
            "T": TensorSpec("T", "BYTES", (1,), optional=True),
        },
        outputs={"O": TensorSpec("O", "BF16", (), labelled=True)},
        required=frozenset({"A"}),
        decoupled=True,
        stateful=True,
    )


@pytest.mark.parametrize("policy", [{}, {"model_transaction_policy": {"decoupled": False}}])
def test_a_sparse_config_is_a_contract_too(policy: dict[str, Any]) -> None:
    """What a config leaves out is nothing, not a failure."""
    contract = derive_contract({"name": "m", "max_batch_size": None, **policy})
    assert contract == Contract("m", 0, {}, {}, frozenset())


@pytest.mark.parametrize(
    ("outputs", "rules"),
    [
        ([AnswerTensor("A", "FP32", [2, 1, 3], b"")], []),
        ([], ["missing_output"]),
        ([AnswerTensor("Z", "FP32", [2], b"")], ["unknown_output", "missing_output"]),
        ([AnswerTensor("A", "FP64", [2, 1, 3], b"")], ["datatype"]),
        ([AnswerTensor("A", "FP32", [2, 1, 4], b"")], ["shape"]),
        ([AnswerTensor("A", "FP32", [2, 1], b"")], ["shape"]),
        ([AnswerTensor("A", "FP32", [], b"")], ["batch_size"]),
    ],
)
def test_each_broken_promise_has_its_rule(outputs: list[AnswerTensor], rules: list[str]) -> None:
    """What is wrong with an answer is told by name."""
    contract = contract_of(4, [A], [A])
    request = InferRequest([Tensor("A", "FP32", [2, 1, 3], b"")])
    assert [one.rule for one in check_answer(contract, outputs, request)] == rules


def test_an_output_may_be_asked_for_once_if_it_exists() -> None:
    """Unknown and repeated outputs are refused."""
    asked = [RequestedOutput(name) for name in ("A", "A", "Z")]
    contract = contract_of(0, [], [A])
    assert [(one.path, one.rule) for one in check_request(contract, InferRequest([], asked))] == [
        ("outputs.A", "duplicate_output"),
        ("outputs.Z", "unknown_output"),
    ]


def test_a_shape_without_a_batch_has_no_batch_in_its_limit() -> None:
    """The limit shows the shape as the client has to send it."""
    contract = contract_of(0, [B], [])
    (breach,) = check_request(contract, InferRequest([Tensor("B", "INT64", [3], b"")]))
    assert (breach.rule, breach.limit) == ("shape", [2])


def test_a_scalar_output_is_an_answer() -> None:
    """A model without a batch may give an output without dimensions."""
    contract = contract_of(0, [], [TensorSpec("Y", "FP32", ())])
    answer = [AnswerTensor("Y", "FP32", [], b"\0\0\0\0")]
    assert check_answer(contract, answer, InferRequest([])) == []
