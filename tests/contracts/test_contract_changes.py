"""What changes for callers between two contract files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from control.contracts.contract_changes import Promise, diff_promises, diff_rules, promise_of
from control.contracts.document import ContractDocument, ParameterRules, TensorRules
from control.contracts.faults import ContractBroken
from control.contracts.folder import read_contract
from control.core.contract_diff import NO_CHANGE, ContractDiff
from tests.contracts.contract_files import contract_of

TOKENS = "{tokenizer: t.json, max: 5}"


def document(text: str) -> dict[str, Any]:
    """A contract file's values."""
    values: dict[str, Any] = yaml.safe_load(text) or {}
    return values


def diff(live: str, new: str) -> ContractDiff:
    """Compare two files by themselves."""
    return diff_rules(document(live), document(new))


#: A rule of inputs that grows tighter from the left to the right, and what is said of it.
TIGHTER = [
    ("", "limits: {request_bytes: 9}", "limits.request_bytes: none became 9"),
    ("limits: {batch: 4}", "limits: {batch: 3}", "limits.batch: 4 became 3"),
    ("inputs: {X: {min: 0}}", "inputs: {X: {min: 0.5}}", "inputs.X.min: 0 became 0.5"),
    ("inputs: {X: {max: 9}}", "inputs: {X: {max: 8}}", "inputs.X.max: 9 became 8"),
    ("", "inputs: {X: {finite: true}}", "inputs.X.finite: false became true"),
    ("inputs: {X: {}}", "inputs: {X: {integer: true}}", "inputs.X.integer: false became true"),
    (
        "inputs: {T: {values: [a, b]}}",
        "inputs: {T: {values: [b]}}",
        "inputs.T.values: a, b became b",
    ),
    ("", "inputs: {T: {encoding: utf-8}}", "inputs.T.encoding: none became utf-8"),
    ("", "inputs: {T: {min_bytes: 1}}", "inputs.T.min_bytes: none became 1"),
    (
        "inputs: {T: {max_bytes: 9}}",
        "inputs: {T: {max_bytes: 8}}",
        "inputs.T.max_bytes: 9 became 8",
    ),
    (
        "inputs: {T: {min_chars: 1}}",
        "inputs: {T: {min_chars: 2}}",
        "inputs.T.min_chars: 1 became 2",
    ),
    (
        "inputs: {T: {max_chars: 9}}",
        "inputs: {T: {max_chars: 8}}",
        "inputs.T.max_chars: 9 became 8",
    ),
    (
        "inputs: {T: {encoding: utf-8}}",
        "inputs: {T: {pattern: a+}}",
        "inputs.T.pattern: none became a+",
    ),
    (
        "inputs: {T: {encoding: utf-8}}",
        "inputs: {T: {json_schema: {type: object}}}",
        'inputs.T.json_schema: none became {"type":"object"}',
    ),
    (
        f"inputs: {{T: {{tokens: {TOKENS}}}}}",
        f"inputs: {{T: {{tokens: {TOKENS.replace('5', '4')}}}}}",
        "inputs.T.tokens.max: 5 became 4",
    ),
    (
        f"inputs: {{T: {{tokens: {TOKENS[:-1]}, on_excess: truncate}}}}}}",
        f"inputs: {{T: {{tokens: {TOKENS}}}}}",
        "inputs.T.tokens.on_excess: truncate became reject",
    ),
    (
        "inputs: {T: {max_bytes: 9, encoding: utf-8}}",
        f"inputs: {{T: {{max_bytes: 9, tokens: {TOKENS}}}}}",
        "inputs.T.tokens.max: none became 5",
    ),
    (
        "inputs: {X: {dims: [-1]}}",
        "inputs: {X: {dims: [{max: 3}]}}",
        "inputs.X.dims[0].max: none became 3",
    ),
    (
        "inputs: {X: {dims: [{min: 1}]}}",
        "inputs: {X: {dims: [{min: 2}]}}",
        "inputs.X.dims[0].min: 1 became 2",
    ),
    (
        "other_parameters: allow",
        "other_parameters: reject",
        "other_parameters: allow became reject",
    ),
    (
        "parameters: {p: {type: number}}",
        "parameters: {p: {type: integer}}",
        "parameters.p.type: number became integer",
    ),
    (
        "parameters: {p: {type: string}}",
        "parameters: {p: {type: string, required: true}}",
        "parameters.p.required: false became true",
    ),
    (
        "parameters: {p: {type: number, max: 5}}",
        "parameters: {p: {type: number, max: 4}}",
        "parameters.p.max: 5 became 4",
    ),
    (
        "parameters: {p: {type: string, max_chars: 5}}",
        "parameters: {p: {type: string, max_chars: 4}}",
        "parameters.p.max_chars: 5 became 4",
    ),
    (
        "parameters: {p: {type: string}}",
        "parameters: {p: {type: string, values: [a]}}",
        "parameters.p.values: none became a",
    ),
    (
        "parameters: {p: {type: string}, q: {type: string}}",
        "parameters: {q: {type: string}}",
        "parameters.p was taken, and is rejected",
    ),
    (
        "other_parameters: allow",
        "other_parameters: allow\nparameters: {p: {type: boolean}}",
        "parameters.p.type: none became boolean",
    ),
    (
        "rules: {same_length: [[A, B]]}",
        "rules: {same_length: [[C, B, A]]}",
        "rules.same_length: A = B became A = B, A = C, B = C",
    ),
    (
        "rules: {total_tokens: [{inputs: [A, B], max: 5}]}",
        "rules: {total_tokens: [{inputs: [B, A], max: 9}, {inputs: [A, B], max: 4}]}",
        "rules.total_tokens[A, B].max: 5 became 4",
    ),
    (
        "",
        "rules: {context: {prompt: [A], new_tokens: parameters.n, max: 9}}",
        "rules.context.max: none became 9",
    ),
    (
        "rules: {context: {prompt: [A], new_tokens: parameters.n, max: 9}}",
        "rules: {context: {prompt: [A, B], new_tokens: parameters.n, max: 9}}",
        "rules.context.prompt: A became A, B",
    ),
    (
        "rules: {context: {prompt: [A], new_tokens: parameters.n, max: 9}}",
        "rules: {context: {prompt: [A], new_tokens: parameters.n, max: 9, default: 1}}",
        "rules.context.default: 0 became 1",
    ),
    ("", "generate: {json_schema: true}", "generate.json_schema: none became true"),
    (
        "mode: observe\ninputs: {X: {max: 1}}",
        "inputs: {X: {max: 1}}",
        "inputs.X.max: none became 1",
    ),
]


@pytest.mark.parametrize(("loose", "tight", "sentence"), TIGHTER)
def test_tighter_rules_of_requests_are_breaking_and_looser_ones_are_not(loose, tight, sentence):
    """What was taken must be taken; taking more hurts nobody."""
    assert sentence in diff(loose, tight).breaking
    assert diff(loose, tight).compatible == ()
    back = diff(tight, loose)
    assert back.breaking == ()
    assert len(back.compatible) == len(diff(loose, tight).breaking)


@pytest.mark.parametrize(
    ("loose", "tight"),
    [(loose, tight) for loose, tight, said in TIGHTER if said.startswith("inputs.")],
)
def test_rules_of_answers_are_read_the_other_way_round(loose, tight):
    """Less that may come is compatible; more is what nobody has reckoned with."""
    loose, tight = loose.replace("inputs", "outputs"), tight.replace("inputs", "outputs")
    assert diff(loose, tight).breaking == ()
    assert diff(tight, loose).compatible == ()
    assert len(diff(loose, tight).compatible) == len(diff(tight, loose).breaking) > 0


@pytest.mark.parametrize(
    ("live", "new"),
    [
        ("pattern: a+", "pattern: a*"),
        ("json_schema: {type: object}", "json_schema: {type: array}"),
        ("values: [a, b]", "values: [b, c]"),
    ],
)
def test_what_cannot_be_compared_is_breaking_for_who_sends_and_who_reads(live, new):
    """Another pattern may allow less here and more there."""
    for side in ("inputs", "outputs"):
        one, other = (f"{side}: {{T: {{{text}}}}}" for text in (live, new))
        for found in (diff(one, other), diff(other, one)):
            assert (len(found.breaking), found.compatible) == (1, ())


@pytest.mark.parametrize(
    ("live", "new"),
    [
        ("", "inputs: {X: {}}"),
        ("inputs: {T: {min_chars: 1}}", "inputs: {T: {min_chars: 1, encoding: utf-8}}"),
        ("inputs: {X: {min: 0, max: 1}}", "inputs: {X: {min: 0.0, max: 1, finite: true}}"),
        ("inputs: {T: {values: [a, b]}}", "inputs: {T: {values: [b, a]}}"),
        (
            "inputs: {T: {json_schema: {type: object, required: [a]}}}",
            "inputs: {T: {json_schema: {required: [a], type: object}}}",
        ),
        ("parameters: {}", "other_parameters: reject"),
        ("inputs: {X: {dims: [3]}}", "inputs: {X: {dims: [{min: 3, max: 3}]}}"),
        ("", "mode: observe\ninputs: {X: {max: 1}}\noutputs: {Y: {max: 1}}"),
        ("", "limits: {deadline_ms: 5}\nretries: {num_retries: 0}\ncanary: {interval_s: 1}"),
        (
            f"inputs: {{T: {{tokens: {TOKENS}}}}}",
            f"inputs: {{T: {{max_bytes: {2**20}, tokens: {TOKENS}}}}}",
        ),
    ],
)
def test_what_goes_without_saying_may_be_said(live, new):
    """Two ways to write one rule are one rule; and what guards a version is no promise."""
    assert diff(live, new) == NO_CHANGE
    assert diff(new, live) == NO_CHANGE


def test_a_parameter_that_is_taken_now_hurts_nobody_unless_it_must_be_given():
    """Nobody has sent it so far."""
    assert diff("parameters: {}", "parameters: {p: {type: string}}") == ContractDiff(
        compatible=("parameters.p was rejected, and is taken",)
    )
    assert diff("parameters: {}", "parameters: {p: {type: string, required: true}}").breaking == (
        "parameters.p was rejected, and is required",
    )


CONFIG = contract_of()


def promised(text: str, **config: Any) -> Promise:
    """A version's promise: the test model's config, and a file."""
    return Promise(replace(CONFIG, **config), document(text))


@pytest.mark.parametrize(
    "text",
    [
        "limits: {batch: 4}",
        "inputs: {TEXT: {datatype: BYTES, rank: 1, dims: [1]}}",
        "inputs: {IMAGE: {min: 0, max: 255, dims: [3, -1, -1]}}",
        f"inputs: {{N: {{min: {-(2**31)}, dims: [{{min: 1}}]}}}}",
        "outputs: {LABEL: {dims: [1]}}",
    ],
)
def test_a_rule_that_repeats_the_config_changes_nothing(text):
    """Writing down what Triton's config says already is no news for callers."""
    assert diff_promises(promised(""), promised(text)) == NO_CHANGE
    assert diff_promises(promised(text), promised("")) == NO_CHANGE


def test_a_tensor_that_is_new_may_have_rules():
    """Nobody has sent it, so nothing of it is refused that was taken."""
    inputs = {name: spec for name, spec in CONFIG.inputs.items() if name != "X"}
    found = diff_promises(promised("", inputs=inputs), promised("inputs: {X: {max: 1}}"))
    assert found == ContractDiff(compatible=("input X is new, and optional",))


def test_a_tensor_of_another_kind_is_told_once():
    """Where datatypes differ there is nothing to compare rules of."""
    other = {**CONFIG.inputs, "X": replace(CONFIG.inputs["X"], datatype="FP64")}
    found = diff_promises(promised(""), promised("inputs: {X: {max: 1}}", inputs=other))
    assert found.breaking == ("input X: the datatype was FP32, and is FP64",)


def test_config_and_file_are_told_together(tmp_path: Path):
    """A promise is read from what travels to gateways."""
    (tmp_path / "contract.yaml").write_text("inputs: {X: {max: 5}}\noutputs: {Y: {max: 5}}")
    source = read_contract(tmp_path, 1, CONFIG)
    assert source is not None
    new = promise_of(CONFIG, msgspec.json.encode(source.resolved))
    live = replace(promise_of(CONFIG, b""), contract=replace(CONFIG, max_batch_size=8))
    assert diff_promises(live, new) == ContractDiff(
        breaking=("the largest batch was 8, and is 4", "inputs.X.max: none became 5"),
        compatible=("outputs.Y.max: none became 5",),
    )


def test_a_document_that_cannot_be_read_is_no_promise():
    """Nothing is compared by halves."""
    with pytest.raises(ContractBroken):
        promise_of(CONFIG, b"{")
    with pytest.raises(ContractBroken):
        diff_rules({}, {"inputs": 5})


def test_every_rule_is_compared():
    """A key that a later contract may have cannot be forgotten here."""
    left_out = {"datatype", "rank", "tokens", "dims"}
    compared = {"dims", "tokens"} | {
        sentence.partition(":")[0].split(".")[2].partition("[")[0]
        for _, _, sentence in TIGHTER
        if sentence.startswith("inputs.")
    }
    assert compared == TensorRules.model_fields.keys() - left_out | {"dims", "tokens"}
    parameters = {
        sentence.partition(":")[0].rpartition(".")[2]
        for _, _, sentence in TIGHTER
        if sentence.startswith("parameters.p.")
    }
    assert parameters == ParameterRules.model_fields.keys() - {"min"}


NUMBERS = st.integers(-3, 3)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "min": NUMBERS,
        "finite": st.booleans(),
        "integer": st.booleans(),
        "values": st.lists(NUMBERS, min_size=1, max_size=3),
        "min_bytes": st.integers(0, 3),
        "max_chars": st.integers(0, 3),
        "pattern": st.sampled_from(["a", "b"]),
        "dims": st.lists(st.sampled_from([-1, 1, {"max": 2}]), min_size=1, max_size=1),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["enforce", "observe"]),
        "limits": st.fixed_dictionaries({}, optional={"batch": st.integers(1, 4)}),
        "inputs": st.dictionaries(st.sampled_from("AB"), TENSORS),
        "outputs": st.dictionaries(st.sampled_from("AB"), TENSORS),
        "other_parameters": st.sampled_from(["allow", "reject"]),
        "parameters": st.dictionaries(
            st.sampled_from("pq"),
            st.fixed_dictionaries(
                {"type": st.sampled_from(["integer", "number", "string"])},
                optional={"required": st.booleans(), "min": NUMBERS},
            ),
        ),
        "rules": st.fixed_dictionaries(
            {},
            optional={"same_length": st.lists(st.just(["A", "B"]) | st.just(["B", "C"]))},
        ),
    },
)


@given(DOCUMENTS)
def test_nothing_differs_from_itself(values):
    """A file that is written anew as it was is no change."""
    ContractDocument.model_validate(values)
    assert diff_rules(values, values) == NO_CHANGE


@given(DOCUMENTS, DOCUMENTS)
def test_as_much_is_told_in_one_direction_as_in_the_other(live, new):
    """Each rule that differs is told once, whichever way the change goes."""
    there, back = diff_rules(live, new), diff_rules(new, live)
    counts = [len(one.breaking) + len(one.compatible) for one in (there, back)]
    assert counts[0] == counts[1]
    # What is compatible one way takes something away on the way back.
    assert len(there.compatible) <= len(back.breaking)
    assert len(back.compatible) <= len(there.breaking)


MONOTONE = {
    "max": [None, 5, 3, 0],
    "min": [None, -5, 0, 2],
    "max_bytes": [None, 5, 3],
    "min_bytes": [None, 1, 3],
    "finite": [None, True],
    "values": [None, [1, 2, 3], [1, 3], [3]],
}


@given(st.data(), st.sampled_from(sorted(MONOTONE)))
def test_swapping_turns_loosening_into_tightening(data, key):
    """For a rule with an order, from loose to tight, only the direction counts."""
    scale = MONOTONE[key]
    one, other = (data.draw(st.integers(0, len(scale) - 1)) for _ in range(2))
    rules = [{} if scale[n] is None else {key: scale[n]} for n in (one, other)]
    for side, breaks in (("inputs", other > one), ("outputs", other < one)):
        found = diff_rules(*({side: {"T": one_side}} for one_side in rules))
        assert (bool(found.breaking), bool(found.compatible)) == (
            breaks,
            one != other and not breaks,
        )
