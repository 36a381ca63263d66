"""Requests are made up honestly: only such as the contract allows, and the same every time."""

import pytest

from control.contracts.compiled import CompiledContract
from control.contracts.tensor_rules import CompiledTensor
from control.contracts.text_rules import TextRules
from control.core.contract import Contract, TensorSpec, check_request
from control.core.datatypes import DATATYPES
from control.core.number_rules import NumberRules
from control.verification.made_requests import made_requests
from control.verification.verdicts import Skipped


def contract(datatype: str, dims: tuple[int, ...] = (-1,), batch: int = 2) -> Contract:
    """A model with one input."""
    spec = TensorSpec("X", datatype, dims)
    return Contract("m", batch, {"X": spec}, {}, frozenset({"X"}))


def rules(tensor: CompiledTensor) -> CompiledContract:
    """A contract with rules for that input."""
    return CompiledContract("r", enforced=True, batched=True, inputs={"X": tensor}, outputs={})


@pytest.mark.parametrize("datatype", sorted(DATATYPES))
def test_every_datatype_can_be_made(datatype: str) -> None:
    """Within the config, and in more than one shape."""
    asked = contract(datatype)
    made = list(made_requests(asked, None))
    assert made == list(made_requests(asked, None))
    assert len({tuple(one.inputs[0].shape) for one in made}) > 3
    assert [check_request(asked, one) for one in made] == [[]] * len(made)


@pytest.mark.parametrize(
    "numbers",
    [
        NumberRules("FP32", least=5, most=5.5),
        NumberRules("FP32", most=-100),
        NumberRules("FP32", least=1000),
        NumberRules("FP32", least=-0.5, integer=True),
        NumberRules("FP32", values=(0.25, 0.75)),
        NumberRules("FP32", finite=True),
    ],
)
def test_numbers_keep_the_contract(numbers: NumberRules) -> None:
    """Ranges, whole numbers and lists of values; dimensions too."""
    tensor = CompiledTensor("X", "FP32", dims=((2, 5),), numbers=numbers, batched=True)
    compiled = rules(tensor)
    for one in made_requests(contract("FP32"), compiled):
        assert compiled.check_request(one, 0).violations == []


@pytest.mark.parametrize(
    "texts",
    [
        TextRules(bytes_range=(3, 5)),
        TextRules(decode=True, chars_range=(80, 90)),
        TextRules(values=frozenset({b"a", b"b"})),
    ],
)
def test_texts_keep_the_contract(texts: TextRules) -> None:
    """Lengths and lists of values."""
    compiled = rules(CompiledTensor("X", "BYTES", texts=texts, batched=True))
    for one in made_requests(contract("BYTES"), compiled):
        assert compiled.check_request(one, 0).violations == []


def test_texts_of_a_form_are_not_made_up() -> None:
    """What has a pattern or a schema means something."""
    compiled = rules(
        CompiledTensor("X", "BYTES", texts=TextRules(schema=object()), batched=True)  # type: ignore[arg-type]
    )
    with pytest.raises(Skipped, match="the contract gives 'X' a form of its own"):
        list(made_requests(contract("BYTES"), compiled))
