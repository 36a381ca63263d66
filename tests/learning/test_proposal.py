"""What is proposed from traffic, and what the reviewer is told."""

import math
from collections.abc import Mapping

import pytest

from control.core.findings import Findings
from control.learning.proposal import TooLittleTraffic, propose
from control.learning.version import LearnedVersion
from tests.learning.made_proposals import INPUTS, compiled, learned, proposed, values_of
from tests.learning.made_requests import Spec, contract_of, numbers, request, texts, view_of


def test_too_little_traffic_is_no_ground() -> None:
    """Below the least number of requests nothing is proposed, and the number is said."""
    summary = learned([request()] * 199)
    assert propose(summary, contract_of(INPUTS), {}) == TooLittleTraffic(199, 200)


def test_each_kind_of_limit_is_proposed() -> None:
    """Sizes, ranges, wholeness, lengths, kinds, parameters, batch and body, and the deciles."""
    inputs: Mapping[str, Spec] = {
        "X": ("FP32", [-1, 3]),
        "K": ("INT64", [1]),
        "T": ("BYTES", [1]),
        "L": ("BYTES", [1]),
    }
    requests = [
        request(
            numbers("X", "FP32", [float(n)] * 3 * (1 + n % 9), [1, 1 + n % 9, 3]),
            numbers("K", "INT64", [(0, 7, 100)[n % 3]], [1, 1]),
            texts("T", ["x" * (5 + n)], [1, 1]),
            texts("L", ["de" if n % 2 else "en"], [1, 1]),
            temperature=n / 50,
            seed=n,
            name="abc",
        )
        for n in range(100)
    ]
    text, found = proposed(
        learned(requests, inputs, max_batch_size=16), contract_of(inputs, max_batch_size=16)
    )
    assert found.notes == ()
    values = values_of(text)
    drift = values.pop("drift")["inputs"]
    assert values == {
        "limits": {"request_bytes": 2048, "batch": 1},
        "inputs": {
            "X": {
                "dims": [{"min": 1, "max": 10}, 3],
                "finite": True,
                "integer": True,
                "min": 0,
                "max": 109.0,
            },
            "K": {"values": [0, 7, 100]},
            "T": {"min_chars": 1, "max_chars": 120, "max_bytes": 128},
            "L": {"min_chars": 1, "max_chars": 3, "max_bytes": 3, "values": ["de", "en"]},
        },
        "parameters": {
            "temperature": {"type": "number", "min": 0, "max": pytest.approx(2.2)},
            "seed": {"type": "integer", "min": 0, "max": 109},
            "name": {"type": "string", "max_chars": 4},
        },
    }
    assert drift["X"].keys() == {"dim0", "values"}
    assert drift["T"].keys() == {"bytes", "chars"}
    assert drift["T"]["chars"][0] == 5
    assert drift["T"]["chars"][-1] == 104


def test_nothing_is_said_of_what_never_changed() -> None:
    """A constant shows no range, and one kind is no list of kinds."""
    inputs: Mapping[str, Spec] = {"X": ("FP32", [1]), "T": ("BYTES", [1])}
    text, _ = proposed(
        learned([request(numbers("X", "FP32", [0.0]), texts("T", ["ping"]))] * 300, inputs),
        contract_of(inputs),
    )
    said = values_of(text)["inputs"]
    assert said["X"] == {"finite": True}
    assert "values" not in said["T"]


def test_kinds_must_have_come_often() -> None:
    """A kind that came once says that there are more."""
    inputs: Mapping[str, Spec] = {"K": ("INT32", [1])}
    values = [1] * 50 + [5] * 50 + [9]
    text, _ = proposed(
        learned([request(numbers("K", "INT32", [one])) for one in values], inputs),
        contract_of(inputs),
    )
    assert values_of(text)["inputs"]["K"] == {"min": 0, "max": 10}


def test_a_batch_is_never_larger_than_the_configs() -> None:
    """What Triton's config says needs no repetition, and is not exceeded."""
    inputs: Mapping[str, Spec] = {"X": ("FP32", [1])}
    batches = [request(numbers("X", "FP32", [1.0] * 5, [5, 1]))]
    for most, expected in ((5, None), (6, None), (16, 8)):
        text, _ = proposed(learned(batches, inputs, most), contract_of(inputs, most))
        assert values_of(text)["limits"].get("batch") == expected


def test_no_number_is_ruled_out_where_there_were_others() -> None:
    """With not-a-number among the elements no range can hold."""
    inputs: Mapping[str, Spec] = {"X": ("FP32", [2])}
    contract = contract_of(inputs)
    traffic = [
        request(numbers("X", "FP32", [1.0, math.nan])),
        request(numbers("X", "FP32", [3, 4])),
    ]
    text, _ = proposed(learned(traffic, inputs), contract)
    assert "X" not in values_of(text).get("inputs", {})
    text, _ = proposed(learned(traffic, inputs), contract, "inputs: {X: {max: 5, finite: true}}\n")
    assert values_of(text)["inputs"]["X"] == {"finite": False}
    assert "# max was 5: elements that are no numbers were seen" in text


def test_tokens_are_limited_where_a_tokenizer_is_named() -> None:
    """An author who only names the tokenizer gets the limit from traffic."""
    inputs: Mapping[str, Spec] = {"T": ("BYTES", [1])}
    version = LearnedVersion(view_of(inputs))
    one = request(texts("T", ["a b c"]))
    for _ in range(100):
        version.count(one, 10)
        version.sketch(one, Findings(token_counts={"T": [311]}), 0.0)
    present = "inputs: {T: {tokens: {tokenizer: weights/tokenizer.json}}}\n"
    text, _ = proposed(version.summary(), contract_of(inputs), present)
    tokens = values_of(text)["inputs"]["T"]["tokens"]
    assert tokens == {"tokenizer": "weights/tokenizer.json", "max": 350}
    assert values_of(text)["drift"]["inputs"]["T"]["tokens"] == [311] * 11
    without, _ = proposed(version.summary(), contract_of(inputs))
    assert "tokens" not in values_of(without)["inputs"]["T"]


def test_an_input_that_nobody_sends_is_noted() -> None:
    """Nothing is proposed for it, and the reviewer is told."""
    text, found = proposed(
        learned([request(numbers("N", "INT32", [1, 9]))] * 9), contract_of(INPUTS)
    )
    assert values_of(text)["inputs"].keys() == {"N"}
    assert found.notes == (
        "input X: no request carried it, nothing is proposed for it",
        "input T: no request carried it, nothing is proposed for it",
    )


def test_an_input_that_few_send_is_noted() -> None:
    """A handful of requests is no ground for limits, nor for deciles, whatever others came."""
    inputs: Mapping[str, Spec] = {"A": ("INT32", [1]), "B": ("INT32", [1])}
    requests = [request(numbers("A", "INT32", [n])) for n in range(200)]
    requests += [request(numbers("B", "INT32", [n])) for n in range(49)]
    text, found = proposed(learned(requests, inputs), contract_of(inputs), least=200)
    assert values_of(text)["inputs"].keys() == {"A"}
    assert values_of(text)["drift"]["inputs"].keys() == {"A"}
    assert found.notes == (
        "input B: it was looked at in 49 requests only, nothing is proposed for it",
    )


def test_large_inputs_are_noted() -> None:
    """Where only parts were looked at, the reviewer is told that limits may be too narrow."""
    large = [request(texts("T", ["x"] * 1000))]
    _, found = proposed(learned(large), contract_of(INPUTS))
    assert any("input T: 1 requests were too large" in note for note in found.notes)
    giant = [request(texts("T", ["x" * 100_000]))]
    text, found = proposed(learned(giant), contract_of(INPUTS))
    assert any("1 texts were too long" in note for note in found.notes)
    assert "max_chars" not in values_of(text)["inputs"]["T"]
    assert values_of(text)["inputs"]["T"]["max_bytes"] == 114_688


def test_parameters_of_several_types_are_left_open() -> None:
    """A list that cannot name every type that came does not close the door."""
    mixed = [request(a=1, b=2), request(a="x", b=3)]
    text, found = proposed(learned(mixed), contract_of(INPUTS))
    values = values_of(text)
    assert values["parameters"].keys() == {"b"}
    assert values["other_parameters"] == "allow"
    assert any("more than one type are not listed: a" in note for note in found.notes)


def test_invented_parameters_are_no_list() -> None:
    """More names than are kept make a list wrong."""
    many = [request(**{f"p{number}": 1 for number in range(40)})]
    text, found = proposed(learned(many), contract_of(INPUTS))
    assert "parameters" not in values_of(text)
    assert any("too many different parameters" in note for note in found.notes)


def test_rules_over_several_inputs_are_kept_though_requests_broke_them() -> None:
    """Whether the rule or the requests were wrong only the author knows; the reviewer is told."""
    inputs: Mapping[str, Spec] = {"A": ("FP32", [-1]), "B": ("FP32", [-1])}
    present = "mode: observe\nrules: {same_length: [[A, B]]}\n"
    contract = contract_of(inputs)
    requests = [request(numbers("A", "FP32", [1]), numbers("B", "FP32", [1, 2]))] * 3
    summary = learned(requests, inputs, rules=compiled(present, contract))
    text, found = proposed(summary, contract, present)
    assert values_of(text)["rules"] == {"same_length": [["A", "B"]]}
    assert any("3 of 3 requests broke 'same_length'; it is kept" in note for note in found.notes)


def test_the_parameter_that_the_context_needs_is_listed() -> None:
    """A closed list never shuts out what another rule of the contract reads."""
    inputs: Mapping[str, Spec] = {"T": ("BYTES", [1])}
    present = (
        "inputs: {T: {tokens: {tokenizer: t.json}}}\n"
        "rules: {context: {prompt: [T], new_tokens: parameters.max_tokens, max: 99}}\n"
    )
    text, _ = proposed(
        learned([request(texts("T", ["x"]), other=1)], inputs), contract_of(inputs), present
    )
    assert values_of(text)["parameters"].keys() == {"other", "max_tokens"}
