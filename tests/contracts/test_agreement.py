"""A contract file may say less than Triton's config allows, and never more."""

from typing import Any

import pytest

from control.contracts.agreement import disagreements
from control.contracts.document import ContractDocument
from control.contracts.faults import dotted
from control.core.contract import derive_contract
from control.core.number_rules import FLOATS, GREATEST_FLOATS, INTEGER_RANGES

CONFIG: dict[str, Any] = {
    "name": "m",
    "max_batch_size": 8,
    "input": [
        {"name": "T", "data_type": "TYPE_STRING", "dims": [1]},
        {"name": "X", "data_type": "TYPE_FP32", "dims": [3, -1]},
        {"name": "K", "data_type": "TYPE_INT8", "dims": [1]},
        {"name": "B", "data_type": "TYPE_BOOL", "dims": [1]},
        {"name": "S", "data_type": "TYPE_FP32", "dims": []},
    ],
    "output": [
        {"name": "Y", "data_type": "TYPE_FP32", "dims": [-1]},
        {"name": "L", "data_type": "TYPE_STRING", "dims": [1]},
    ],
}
COUNTED = {"T": {"tokens": {"tokenizer": "t"}}}


def complaints(document: dict[str, Any], config: dict[str, Any] = CONFIG) -> dict[str, str]:
    """What a document and a config disagree on, by key."""
    found = disagreements(ContractDocument.model_validate(document), derive_contract(config))
    assert len({key for key, _ in found}) == len(found)
    return {dotted(key): message for key, message in found}


def test_what_only_tightens_is_taken():
    """Every kind of rule, as the config allows it."""
    document = {
        "limits": {"batch": 8, "request_bytes": 10},
        "inputs": {
            "T": {
                "datatype": "BYTES",
                "rank": 1,
                "dims": [1],
                "values": ["a"],
                "min_chars": 1,
                "encoding": "utf-8",
                "pattern": "a",
                "json_schema": True,
                "tokens": {"tokenizer": "t"},
            },
            "X": {"dims": [3, {"max": 9}], "min": -0.5, "finite": True, "integer": True},
            "K": {"min": -128, "max": 127, "values": [1, 2.0]},
            "B": {"min": 0, "max": 1, "values": [True, 0]},
            "S": {"rank": 0, "dims": []},
        },
        "outputs": {"Y": {"min": 0, "dims": [{"min": 1}]}, "L": {"values": ["good", "bad"]}},
        "parameters": {"p": {"type": "integer", "min": 0, "values": [1, 2]}},
        "rules": {
            "same_length": [["T", "X"]],
            "total_tokens": [{"inputs": ["T"], "max": 5}],
            "context": {"prompt": ["T"], "new_tokens": "parameters.p", "max": 9},
        },
        "drift": {"inputs": {"X": {"values": list(range(11))}}},
    }
    assert complaints(document) == {}


@pytest.mark.parametrize(
    ("document", "key", "message"),
    [
        ({"limits": {"batch": 9}}, "limits.batch", "the model's config allows at most 8, got 9"),
        (
            {"inputs": {"Z": {}}},
            "inputs.Z",
            "no such input of the model; there are: B, K, S, T, X",
        ),
        ({"outputs": {"X": {}}}, "outputs.X", "no such output of the model; there are: L, Y"),
        (
            {"inputs": {"X": {"datatype": "FP16"}}},
            "inputs.X.datatype",
            "the model's config says FP32, got FP16",
        ),
        ({"inputs": {"X": {"rank": 3}}}, "inputs.X.rank", "has 2 dimensions, got 3"),
        ({"inputs": {"X": {"dims": [3]}}}, "inputs.X.dims", "has 2 dimensions, got 1"),
        ({"inputs": {"X": {"dims": [4, -1]}}}, "inputs.X.dims[0]", "the model's config says 3"),
        ({"inputs": {"X": {"dims": [{"max": 2}, -1]}}}, "inputs.X.dims[0]", "config says 3"),
        ({"inputs": {"X": {"dims": [{"min": 4}, -1]}}}, "inputs.X.dims[0]", "config says 3"),
        ({"inputs": {"T": {"min": 1}}}, "inputs.T.min", "is a rule for numbers, and the datatype"),
        ({"inputs": {"T": {"finite": True}}}, "inputs.T.finite", "the datatype is BYTES"),
        ({"inputs": {"T": {"values": [1]}}}, "inputs.T.values[0]", "put it in quotes (got 1)"),
        ({"inputs": {"T": {"values": [True]}}}, "inputs.T.values[0]", "quotes (got True)"),
        ({"inputs": {"X": {"max_bytes": 1}}}, "inputs.X.max_bytes", "is a rule for texts (BYTES)"),
        ({"inputs": {"X": {"pattern": "a"}}}, "inputs.X.pattern", "the datatype is FP32"),
        ({"inputs": {"X": {"json_schema": {}}}}, "inputs.X.json_schema", "is a rule for texts"),
        ({"inputs": {"X": COUNTED["T"]}}, "inputs.X.tokens", "is a rule for texts"),
        ({"inputs": {"X": {"values": ["a"]}}}, "inputs.X.values[0]", "must be a number, as the"),
        ({"inputs": {"X": {"values": [1, True]}}}, "inputs.X.values[1]", "(got True)"),
        ({"inputs": {"K": {"finite": True}}}, "inputs.K.finite", "always holds for INT8"),
        ({"inputs": {"K": {"integer": True}}}, "inputs.K.integer", "always holds for INT8"),
        ({"inputs": {"K": {"max": 2.5}}}, "inputs.K.max", "INT8 holds whole numbers only, got 2.5"),
        ({"outputs": {"L": COUNTED["T"]}}, "outputs.L.tokens", "tokens are counted of inputs only"),
        ({"rules": {"same_length": [["X", "Z"]]}}, "rules.same_length[0][1]", "no such input"),
        (
            {"rules": {"same_length": [["X", "S"]]}},
            "rules.same_length[0][1]",
            "has no dimension after the batch",
        ),
        (
            {"inputs": COUNTED, "rules": {"total_tokens": [{"inputs": ["T", "X"], "max": 1}]}},
            "rules.total_tokens[0].inputs[1]",
            "no such input with 'tokens'; there is: T",
        ),
        (
            {"rules": {"context": {"prompt": ["T"], "new_tokens": "parameters.n", "max": 9}}},
            "rules.context.prompt[0]",
            "no such input with 'tokens'; there are: none",
        ),
        (
            {"parameters": {"p": {"type": "string", "min": 1}}},
            "parameters.p.min",
            "is a rule for numbers, and the type is string",
        ),
        (
            {"parameters": {"p": {"type": "integer", "max_chars": 1}}},
            "parameters.p.max_chars",
            "is a rule for strings, not for integer",
        ),
        (
            {"parameters": {"p": {"type": "integer", "values": [1, True]}}},
            "parameters.p.values[1]",
            "must be of type integer, got boolean",
        ),
        (
            {"parameters": {"p": {"type": "string", "values": [1]}}},
            "parameters.p.values[0]",
            "must be of type string, got integer",
        ),
        (
            {"drift": {"inputs": {"Z": {}}}},
            "drift.inputs.Z",
            "no such input of the model",
        ),
        (
            {"drift": {"inputs": {"X": {"values": [*range(10), 5]}}}},
            "drift.inputs.X.values",
            "must rise from the least to the greatest",
        ),
    ],
)
def test_what_would_loosen_or_mean_nothing_is_refused(document, key, message):
    """Each fault is told at its key, with what the config says."""
    found = complaints(document)
    assert list(found) == [key]
    assert message in found[key]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tokens", "must be parameters.NAME or inputs.NAME, got 'tokens'"),
        ("parameters.", "must be parameters.NAME or inputs.NAME"),
        ("outputs.Y", "must be parameters.NAME or inputs.NAME"),
        ("inputs.T", "no such numeric input of the model; there are: B, K, S, X"),
        ("parameters.q", "no such parameter of this contract; there is: p"),
    ],
)
def test_the_number_of_new_tokens_comes_from_somewhere(source, message):
    """From a listed parameter, or from an input of numbers."""
    context = {"prompt": ["T"], "new_tokens": source, "max": 9}
    document: dict[str, Any] = {"inputs": COUNTED, "rules": {"context": context}}
    document["parameters"] = {"p": {"type": "integer"}}
    assert message in complaints(document)["rules.context.new_tokens"]
    for good in ("parameters.p", "inputs.K"):
        context["new_tokens"] = good
        assert complaints(document) == {}


def test_any_parameter_may_say_it_where_others_are_allowed():
    """A parameter need not be listed if unlisted ones pass."""
    context = {"prompt": ["T"], "new_tokens": "parameters.q", "max": 9}
    document: dict[str, Any] = {"inputs": COUNTED, "rules": {"context": context}}
    assert complaints(document) == {}
    document |= {"parameters": {"p": {"type": "integer"}}, "other_parameters": "allow"}
    assert complaints(document) == {}


def test_a_model_without_a_batch_has_no_limit_on_it():
    """A limit on what is not there is a misunderstanding."""
    found = complaints({"limits": {"batch": 1}}, {**CONFIG, "max_batch_size": 0})
    assert found == {"limits.batch": "the model's config has no batch (max_batch_size 0)"}


def one_input(datatype: str) -> dict[str, Any]:
    """A model with one input of a datatype."""
    return {"name": "m", "input": [{"name": "X", "data_type": f"TYPE_{datatype}", "dims": [1]}]}


@pytest.mark.parametrize("datatype", sorted(INTEGER_RANGES))
def test_limits_of_whole_numbers_lie_in_their_datatype(datatype):
    """A limit that no element can reach is a misunderstanding; the datatype's own is none."""
    low, high = INTEGER_RANGES[datatype]
    config = one_input(datatype)
    assert complaints({"inputs": {"X": {"min": low, "max": high}}}, config) == {}
    assert complaints({"inputs": {"X": {"values": [low, high]}}}, config) == {}
    beyond = (
        {"min": low - 1} if datatype.startswith("U") or datatype == "BOOL" else {"max": high + 1}
    )
    for bad in (beyond, {"values": [high + 1]}):
        if max(bad.get("values", [0])) < 2**64:
            (message,) = complaints({"inputs": {"X": bad}}, config).values()
            assert f"{datatype} holds {low}..{high}, got" in message


@pytest.mark.parametrize("datatype", sorted(FLOATS))
def test_limits_of_floats_lie_in_their_datatype(datatype):
    """What would be infinity in the datatype is no limit."""
    most = GREATEST_FLOATS[datatype]
    config = one_input(datatype)
    assert complaints({"inputs": {"X": {"min": -most, "max": most}}}, config) == {}
    if datatype != "FP64":
        found = complaints(
            {"inputs": {"X": {"max": most * 1.01, "values": [0, -most * 2]}}}, config
        )
        assert list(found) == ["inputs.X.max", "inputs.X.values[1]"]
        assert found["inputs.X.max"].startswith(f"{datatype} holds {-most}..{most}, got")


def test_all_disagreements_are_told_at_once():
    """An author mends a file in one go."""
    document = {"limits": {"batch": 9}, "inputs": {"Z": {}, "X": {"dims": [4, -1], "min_bytes": 1}}}
    assert list(complaints(document)) == [
        "limits.batch",
        "inputs.Z",
        "inputs.X.dims[0]",
        "inputs.X.min_bytes",
    ]
