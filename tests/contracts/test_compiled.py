"""A whole contract, held against whole requests and answers."""

import struct
from pathlib import Path
from typing import Any

import pytest

from control.core.findings import Effort
from control.core.tensors import AnswerTensor, InferRequest, Tensor
from tests.contracts.contract_files import (
    CONFIG,
    compiled,
    floats,
    integers,
    request_of,
    texts,
    word_pieces,
)

COUNTED = "tokens: {tokenizer: t.json}"
Found = list[tuple[str, str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with a tokenizer."""
    (tmp_path / "t.json").write_bytes(word_pieces())
    return tmp_path


def found_in(
    folder: Path,
    text: str,
    request: InferRequest,
    body_bytes: int = 0,
    config: dict[str, Any] = CONFIG,
) -> Found:
    """Path, rule and what was got, for each violation."""
    findings = compiled(folder, text, config).check_request(request, body_bytes)
    return [(one.path, one.rule, one.got) for one in findings.violations]


def test_a_request_may_be_as_large_as_the_contract_says(folder):
    """The body counts as it was received."""
    text = "limits: {request_bytes: 100}"
    assert found_in(folder, text, request_of(), 100) == []
    assert found_in(folder, text, request_of(), 101) == [("body", "request_bytes", 101)]


def test_a_batch_may_be_as_large_as_the_contract_says(folder):
    """Less than Triton's config allows."""
    text = "limits: {batch: 2}"
    assert found_in(folder, text, request_of(texts("TEXT", ["a", "b"]))) == []
    three = request_of(texts("TEXT", ["a", "b", "c"]))
    assert found_in(folder, text, three) == [("inputs", "batch", 3)]


@pytest.mark.parametrize(
    ("shape", "broken"),
    [
        ([1, 3, 2, 4], []),
        ([1, 3, 2, 9], []),
        ([1, 3, 1, 4], [("inputs.IMAGE.shape", "dim", 1)]),
        ([1, 3, 1, 10], [("inputs.IMAGE.shape", "dim", 1), ("inputs.IMAGE.shape", "dim", 10)]),
        ([3, 1, 10], []),
    ],
)
def test_sizes_lie_in_their_ranges(folder, shape, broken):
    """Each dimension has its own; of a wrong rank the check against Triton's config speaks."""
    text = "inputs: {IMAGE: {dims: [3, {min: 2}, {min: 4, max: 9}]}}"
    count = 1
    for size in shape:
        count *= size
    tensor = Tensor("IMAGE", "UINT8", shape, bytes(count))
    assert found_in(folder, text, request_of(tensor)) == broken


def test_what_the_limit_of_a_size_is(folder):
    """The client reads which dimension, and its range."""
    rules = compiled(folder, "inputs: {X: {dims: [{min: 2, max: 3}]}}")
    (one,) = rules.check_request(request_of(floats("X", [1])), 0).violations
    assert one.limit == "dims[0] 2..3"
    rules = compiled(folder, "inputs: {X: {dims: [{min: 2}]}}")
    (one,) = rules.check_request(request_of(floats("X", [1])), 0).violations
    assert one.limit == "dims[0] 2.."


def test_a_tensor_of_another_datatype_is_left_to_the_other_check(folder):
    """Its bytes mean something else: rules about them would lie."""
    tensor = Tensor("X", "INT32", [1, 1], b"\xff\xff\xff\xff")
    assert found_in(folder, "inputs: {X: {max: 1, finite: yes}}", request_of(tensor)) == []


@pytest.mark.parametrize(
    ("other", "parameters", "broken"),
    [
        ("", {"p": 1}, []),
        ("", {"p": 1, "q": 2}, [("parameters.q", "unknown_parameter", "q")]),
        ("", {"sequence_id": 1, "priority": 1, "timeout": 5, "sequence_start": True}, []),
        ("other_parameters: allow", {"q": 2}, []),
        ("other_parameters: reject", {"q": 2}, [("parameters.q", "unknown_parameter", "q")]),
        ("", {"p": 7}, [("parameters.p", "max", 7)]),
        ("", {"p": True}, [("parameters.p", "parameter_type", "boolean")]),
    ],
)
def test_parameters_are_those_that_are_listed(folder, other, parameters, broken):
    """Triton's own ones always pass; others only where the contract says so."""
    text = f"parameters: {{p: {{type: integer, max: 5}}}}\n{other}"
    assert found_in(folder, text, request_of(**parameters)) == broken


def test_parameters_may_be_refused_altogether(folder):
    """An empty list, or a plain word, allows none; silence allows all."""
    bad = [("parameters.q", "unknown_parameter", "q")]
    assert found_in(folder, "parameters: {}", request_of(q=1)) == bad
    assert found_in(folder, "other_parameters: reject", request_of(q=1)) == bad
    assert found_in(folder, "inputs: {}", request_of(q=1)) == []


def test_inputs_of_a_group_are_of_the_same_length(folder):
    """The first dimension after the batch; what is not there has no length."""
    text = "rules: {same_length: [[X, MORE]]}"
    good = request_of(floats("X", [1, 2]), texts("MORE", ["a", "b"], (1, 2)))
    bad = request_of(floats("X", [1, 2]), texts("MORE", ["a"], (1, 1)))
    assert found_in(folder, text, good) == []
    assert found_in(folder, text, bad) == [("inputs.MORE.shape", "same_length", 1)]
    assert found_in(folder, text, request_of(floats("X", [1, 2]))) == []
    no_batch = {**CONFIG, "max_batch_size": 0}
    assert found_in(folder, text, bad, config=no_batch) == []


def test_tokens_are_added_up_row_by_row(folder):
    """An input with several texts in a row counts them all; one with a single row counts in all."""
    text = (
        f"inputs: {{TEXT: {{{COUNTED}}}, MORE: {{{COUNTED}}}}}\n"
        "rules: {total_tokens: [{inputs: [TEXT, MORE], max: 9}]}"
    )
    rows = texts("TEXT", ["a", "a a a"])  # 3 and 5 tokens
    more = texts("MORE", ["a", "a", "", ""], (2, 2))  # 3 + 3 and 2 + 2
    assert found_in(folder, text, request_of(rows, more)) == []
    more = texts("MORE", ["a a", "a", "a", ""], (2, 2))  # 4 + 3 and 3 + 2
    path = "inputs.TEXT[{0}], inputs.MORE[{0}]"
    assert found_in(folder, text, request_of(rows, more)) == [
        (path.format(0), "total_tokens", 10),
        (path.format(1), "total_tokens", 10),
    ]
    one_row = texts("MORE", ["a a a"], (1, 1))  # 5, for both
    assert found_in(folder, text, request_of(rows, one_row)) == [
        (path.format(1), "total_tokens", 10)
    ]
    assert found_in(folder, text, request_of(more)) == []


CONTEXT = (
    f"inputs: {{TEXT: {{{COUNTED}}}}}\n"
    "rules: {context: {prompt: [TEXT], new_tokens: %s, default: %d, max: 10}}"
)


@pytest.mark.parametrize(
    ("default", "parameters", "total"),
    [
        (0, {}, None),
        (9, {}, 12),
        (9, {"n": 7}, None),
        (0, {"n": 8}, 11),
        (0, {"n": 7.5}, 11),
        (0, {"n": 1e300}, 3 + 2**53),
        (9, {"n": -100}, None),
        (9, {"n": True}, 12),
        (9, {"n": "1"}, 12),
    ],
)
def test_prompt_and_new_tokens_fit_the_context(folder, default, parameters, total):
    """A caller that asks for no number, or for nonsense, gets the model's default counted."""
    request = request_of(texts("TEXT", ["a"]), **parameters)
    found = found_in(folder, CONTEXT % ("parameters.n", default), request)
    assert found == ([] if total is None else [("inputs.TEXT[0]", "context", total)])


def test_new_tokens_may_come_from_an_input(folder):
    """Each row asks for its own number; the default stands in for an input that is not there."""
    text = CONTEXT % ("inputs.N", 8)
    rows = texts("TEXT", ["a", "a"])
    found = found_in(folder, text, request_of(rows, integers("N", [7, 8])))
    assert found == [("inputs.TEXT[1]", "context", 11)]
    assert len(found_in(folder, text, request_of(rows))) == 2
    one = request_of(rows, integers("N", [8], (1, 1)))
    assert found_in(folder, text, one)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e30])
def test_no_number_of_new_tokens_breaks_the_check(folder, value):
    """Not-a-number is no number: the default counts; infinitely many are too many."""
    text = CONTEXT % ("inputs.X", 0)
    found = found_in(folder, text, request_of(texts("TEXT", ["a"]), floats("X", [value])))
    assert len(found) == (1 if value > 0 else 0)


def test_a_batch_that_is_not_there_costs_nothing(folder):
    """A shape of a billion rows without elements is refused elsewhere, and laid out nowhere."""
    text = CONTEXT % ("parameters.n", 0)
    tensor = Tensor("X", "FP32", [10**12, 0], b"")
    assert found_in(folder, text, request_of(tensor, n=3)) == []


def test_cut_texts_count_as_cut(folder):
    """Sums are taken of what the model will see."""
    text = (
        "inputs: {TEXT: {tokens: {tokenizer: t.json, max: 4, on_excess: truncate}}}\n"
        "rules: {total_tokens: [{inputs: [TEXT], max: 4}]}"
    )
    request = request_of(texts("TEXT", ["a a a a a a", "a"]))
    findings = compiled(folder, text).check_request(request, 0)
    assert findings.violations == []
    assert findings.token_counts == {"TEXT": [4, 3]}
    assert findings.tokens == 7
    assert request.inputs[0].data == texts("TEXT", ["a a", "a"]).data


def test_nothing_is_cut_where_breaches_are_only_observed(folder):
    """The model sees what it would see without a contract; what would be cut is told."""
    text = (
        "mode: observe\ninputs: {TEXT: {tokens: {tokenizer: t.json, max: 4, on_excess: truncate}}}"
    )
    request = request_of(texts("TEXT", ["a a a a a a"]))
    findings = compiled(folder, text).check_request(request, 0)
    assert [one.rule for one in findings.violations] == ["max_tokens"]
    assert findings.truncations == []
    assert request.inputs[0].data == texts("TEXT", ["a a a a a a"]).data


def test_answers_are_held_to_the_outputs(folder):
    """Numbers, sizes and texts; outputs without rules may be anything."""
    rules = compiled(
        folder,
        "outputs: {Y: {min: 0, max: 1, finite: yes, dims: [2]}, LABEL: {values: [good, bad]}}",
    )
    good = AnswerTensor("Y", "FP32", [1, 2], struct.pack("<2f", 0, 1))
    bad = AnswerTensor("Y", "FP32", [1, 3], struct.pack("<3f", 0, 2, float("nan")))
    label = AnswerTensor("LABEL", "BYTES", [1, 1], texts("LABEL", ["ugly"]).data)
    other = AnswerTensor("Z", "FP32", [1, 1], struct.pack("<f", 5))
    assert rules.check_answer([good, other]) == []
    assert [(one.path, one.rule) for one in rules.check_answer([bad, label])] == [
        ("outputs.Y[2]", "finite"),
        ("outputs.Y[1]", "max"),
        ("outputs.Y.shape", "dim"),
        ("outputs.LABEL[0]", "values"),
    ]


def test_the_body_of_generate_is_held_to_its_schema(folder):
    """Places in the document follow the word body; without a schema anything passes."""
    schema = "{type: object, properties: {a: {type: array, items: {type: integer}}}}"
    rules = compiled(folder, f"generate: {{json_schema: {schema}}}")
    assert rules.check_generate(b'{"a": [1]}') == []
    (one,) = rules.check_generate(b'{"a": [1, "x"]}')
    assert (one.path, one.rule, one.got) == ("body.a[1]", "json_schema", '"x"')
    assert compiled(folder, "").check_generate(b"no JSON") == []


def test_violations_are_bounded_in_number(folder):
    """However much is wrong, the list ends."""
    text = (
        f"inputs: {{MORE: {{{COUNTED[:-1]}, max: 2}}}}}}\nparameters: {{}}\n"
        "rules: {total_tokens: [{inputs: [MORE], max: 1}]}"
    )
    request = request_of(
        texts("MORE", ["a"] * 2000, (2000, 1)), **{f"p{n}": n for n in range(2000)}
    )
    assert len(found_in(folder, text, request)) == 256


def test_effort_grows_with_what_is_checked(folder):
    """Only tensors with rules cost; many small texts cost more than one of their size."""
    rules = compiled(
        folder,
        f"inputs: {{X: {{min: 0}}, TEXT: {{max_chars: 9}}, MORE: {{{COUNTED}}}}}\n"
        "outputs: {Y: {values: [0, 1]}, LABEL: {max_chars: 9}}",
    )
    big = [0.0] * 100_000
    numbers, listed = floats("X", big), floats("Y", big)
    answer = AnswerTensor("Y", "FP32", listed.shape, listed.data)
    assert 50 < rules.effort([numbers]).numbers_us < rules.effort([answer]).numbers_us
    assert rules.effort([listed, texts("LABEL", ["a" * 9999])]) == Effort()
    one, many = texts("TEXT", ["a" * 99_999]), texts("TEXT", ["a"] * 20_000)
    assert rules.effort([one]).texts_us < rules.effort([many]).texts_us
    counted = Tensor("MORE", "BYTES", [1, 1], one.data)
    assert rules.effort([one]).texts_us < rules.effort([counted]).texts_us
    assert rules.effort([one]).numbers_us == 0
    assert compiled(folder, "inputs: {X: {dims: [-1]}}").effort([numbers]) == Effort()


def test_what_checking_a_document_costs_depends_on_the_schema(folder):
    """Nothing without one."""
    assert compiled(folder, "").document_us(10**9) == 0
    assert compiled(folder, "generate: {json_schema: {}}").document_us(10**6) > 1000
