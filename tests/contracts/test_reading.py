"""From a file's values to a document: every fault is told with what would be right."""

import pickle
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from control.contracts.document import ContractDocument
from control.contracts.faults import ContractBroken, Fault, dotted
from control.contracts.reading import read_document
from control.contracts.yaml_tree import parse_yaml


def document(text: str) -> ContractDocument:
    """Read one document."""
    return read_document(parse_yaml(text.encode(), "contract.yaml"))


def fault(text: str) -> Fault:
    """The one fault of a document."""
    with pytest.raises(ContractBroken) as caught:
        document(text)
    (only,) = caught.value.faults
    return only


def test_a_file_that_says_nothing_has_the_defaults():
    """Nothing is checked, and nothing is only observed."""
    assert document("") == ContractDocument()
    assert document("").mode == "enforce"


def test_a_size_may_be_written_as_a_number_or_as_a_range():
    """-1 and nothing are any size."""
    dims = document("inputs: {X: {dims: [3, -1, ~, {max: 8}, {min: 2}]}}").inputs["X"].dims
    assert dims is not None
    assert [(one.min, one.max) for one in dims] == [(3, 3), (0, None), (0, None), (0, 8), (2, None)]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("mode: strict", "mode", "must be 'enforce' or 'observe' (got 'strict')"),
        ("mode: yes", "mode", "must be 'enforce' or 'observe' (got True)"),
        ("inptus: {}", "inptus", "no such key; allowed here: breaker, cache, "),
        ("inputs: {X: {mni: 1}}", "inputs.X.mni", "allowed here: datatype, dims, encoding, finite"),
        ("inputs: {X: {dims: [{mni: 1}]}}", "inputs.X.dims[0].mni", "allowed here: max, min"),
        ("inputs: {X: {dims: [-2]}}", "inputs.X.dims[0]", "0 or more, or -1 for any (got -2)"),
        ("inputs: {X: {dims: [yes]}}", "inputs.X.dims[0]", "mapping with the keys max, min"),
        ("inputs: {X: {dims: 5}}", "inputs.X.dims", "must be a list (got 5)"),
        ("inputs: [X]", "inputs", "must be a mapping (got ['X'])"),
        ("inputs: {X: ~}", "inputs.X", "must be a mapping with the keys datatype, dims"),
        ("inputs: {X: {finite: 'no'}}", "inputs.X.finite", "must be true or false (got 'no')"),
        ("inputs: {X: {finite: 0}}", "inputs.X.finite", "must be true or false (got 0)"),
        ("inputs: {X: {min: yes}}", "inputs.X.min", "must be a number (got True)"),
        ("inputs: {X: {min: '1'}}", "inputs.X.min", "must be a number (got '1')"),
        ("inputs: {X: {max: .inf}}", "inputs.X.max", "must be a finite number (got inf)"),
        ("inputs: {X: {max: .nan}}", "inputs.X.max", "must be a finite number (got nan)"),
        ("inputs: {X: {min: 2, max: 1}}", "inputs.X", "min 2 is greater than max 1"),
        ("inputs: {X: {min_chars: 2, max_chars: 1}}", "inputs.X", "min_chars 2 is greater than"),
        ("inputs: {X: {max_bytes: 1.5}}", "inputs.X.max_bytes", "must be a whole number (got 1.5)"),
        ("inputs: {X: {max_bytes: -1}}", "inputs.X.max_bytes", "greater than or equal to 0"),
        ("inputs: {X: {values: []}}", "inputs.X.values", "at least 1 item"),
        ("inputs: {X: {values: [~]}}", "inputs.X.values[0]", "true or false or a number or a text"),
        ("inputs: {X: {encoding: latin}}", "inputs.X.encoding", "must be 'utf-8'"),
        ("inputs: {X: {pattern: ''}}", "inputs.X.pattern", "at least 1 character"),
        (
            "inputs: {X: {json_schema: 5}}",
            "inputs.X.json_schema",
            "a mapping or true or false or a",
        ),
        ("inputs: {X: {tokens: {max: 5}}}", "inputs.X.tokens.tokenizer", "is required"),
        ("inputs: {X: {tokens: t}}", "inputs.X.tokens", "with the keys max, on_excess, tokenizer"),
        ("inputs: {X: {tokens: {tokenizer: t, max: 0}}}", "inputs.X.tokens.max", "equal to 1"),
        (
            "inputs: {X: {tokens: {tokenizer: t, on_excess: cut}}}",
            "inputs.X.tokens.on_excess",
            "must be 'reject' or 'truncate' (got 'cut')",
        ),
        ("limits: {batch: 0}", "limits.batch", "greater than or equal to 1 (got 0)"),
        ("parameters: {p: {min: 1}}", "parameters.p.type", "is required"),
        ("parameters: {p: {type: int}}", "parameters.p.type", "'boolean', 'integer', 'number' or"),
        ("other_parameters: no", "other_parameters", "must be 'allow' or 'reject' (got False)"),
        ("rules: {same_length: [[a]]}", "rules.same_length[0]", "at least 2 items"),
        ("rules: {total_tokens: [{inputs: [a]}]}", "rules.total_tokens[0].max", "is required"),
        ("rules: {context: 5}", "rules.context", "with the keys default, max, new_tokens, prompt"),
        ("generate: {}", "generate.json_schema", "is required"),
        ("drift: {inputs: {X: {values: [1]}}}", "drift.inputs.X.values", "at least 11 items"),
        (
            "drift: {inputs: {X: {values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, .nan]}}}",
            "drift.inputs.X.values[10]",
            "must be a finite number",
        ),
        (
            "drift: {inputs: {X: {values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, yes]}}}",
            "drift.inputs.X.values[10]",
            "must be a number",
        ),
        (f"inputs: {{{'x' * 300}: {{}}}}", f"inputs.{'x' * 300}", "at most 256 characters"),
    ],
)
def test_a_fault_names_its_key_and_what_is_allowed(text, key, words):
    """The author reads where to look and what to write."""
    found = fault(text)
    assert (found.file, found.line, found.key) == ("contract.yaml", 1, key)
    assert words in found.message


def test_faults_come_in_the_order_of_the_file():
    """All of them at once, each with its own line."""
    text = "rules:\n  context: 1\ninputs:\n  X:\n    min: a\n    maxx: 1\nmode: on\n"
    with pytest.raises(ContractBroken) as caught:
        document(text)
    found = [(one.line, one.key) for one in caught.value.faults]
    assert found == [(2, "rules.context"), (5, "inputs.X.min"), (6, "inputs.X.maxx"), (7, "mode")]


def test_what_was_got_is_shown_shortly():
    """A value of many pages is told from its beginning."""
    found = fault(f"mode: {'x' * 5000}")
    assert len(found.message) < 200
    assert found.message.endswith("...)")


def test_faults_survive_the_way_between_processes():
    """What the helper process finds broken is told as it was found."""
    error = ContractBroken([Fault("contract.yaml", n, "a", "is wrong") for n in range(150)])
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.faults, str(copied)) == (error.faults, str(error))
    assert str(copied).startswith("contract.yaml: a: is wrong; contract.yaml:1: a: is wrong; ")


def test_names_of_inputs_may_be_what_yaml_takes_for_more():
    """An input may be called NO, 1 or 2024-01-01."""
    text = "inputs: {NO: {min: 1}, 1: {min: 1}, 2024-01-01: {min: 1}, int: {min: 1}}"
    assert list(document(text).inputs) == ["NO", "1", "2024-01-01", "int"]


def test_a_path_is_written_as_a_reader_would():
    """Places in lists stand in brackets."""
    assert dotted(("inputs", "X", "dims", 0, "min")) == "inputs.X.dims[0].min"
    assert dotted(()) == ""


def keys_of(model: Any) -> set[str]:
    """All keys that any part of a contract has."""
    found: set[str] = set()
    for name, field in getattr(model, "model_fields", {}).items():
        found |= {name}
        waiting = [field.annotation]
        while waiting:
            one = waiting.pop()
            waiting += getattr(one, "__args__", ())
            found |= keys_of(one)
    return found


KEYS = [*sorted(keys_of(ContractDocument)), "X", "p", ""]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["enforce", "integer", "utf-8", "allow", "truncate", "parameters.p"]),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=15,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
@example({"inputs": {"X": {"dims": [[]], "values": [{}], "json_schema": 10**30}}})
def test_whatever_a_file_holds_only_a_broken_contract_comes_of_it(content):
    """Every fault has the file, a line, a key within the file, and a message in one line."""
    text = yaml.safe_dump(content, allow_unicode=True)
    try:
        read = document(text)
    except ContractBroken as error:
        for one in error.faults:
            assert one.file == "contract.yaml"
            assert 0 <= one.line <= text.count("\n") + 1
            assert one.message
            assert "Input should" not in one.message
    else:
        assert read == ContractDocument.model_validate(read.model_dump(exclude_unset=True))
