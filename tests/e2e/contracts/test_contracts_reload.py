"""Contract files that change while requests come: good ones at once and whole, bad ones never."""

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.contracts.broken_table import CASES, MODEL
from tests.e2e.contracts.calls import assert_answered, assert_refused, breach, infer, texts
from tests.e2e.contracts.examples import Examples
from tests.e2e.contracts.steady import SteadyCalls, essence
from tests.support.stack import wait_until

pytestmark = [pytest.mark.triton, pytest.mark.weights]

#: Files are looked at four times a second, broken ones once a second; the rest is a busy machine.
WITHIN_S = 3.0

PRAISE = infer(MODEL, texts("TEXT", "What a lovely day"))
TOO_LONG = infer(MODEL, texts("TEXT", "lovely " * 2000))
OLD_RULE = breach("inputs.TEXT[0]", "max_chars", 10_000, 14_000)


@pytest.fixture(autouse=True)
def _good_contract(examples):
    examples.restore(MODEL)
    examples.until(TOO_LONG, lambda answer: answer.document.get("violations") == [OLD_RULE])
    yield
    examples.restore(MODEL)


def complaints(examples: Examples, model: str, *, after: int) -> list[list[str]]:
    """The faults in the log's refusals of a contract, from a place in the log on."""
    with examples.stack.log.open() as log:
        log.seek(after)
        lines = [json.loads(line) for line in log if '"contract_refused"' in line]
    return [line["faults"] for line in lines if line["model"] == model]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_file_replaces_nothing(examples, case):
    """The log says file, line, key and what is allowed; the rules that held go on holding."""
    mark = examples.stack.log.stat().st_size
    examples.write(MODEL, case.text)
    (faults,) = wait_until(
        lambda: complaints(examples, MODEL, after=mark), f"the log complains of {case.name}"
    )
    assert len(faults) == len(case.faults)
    for fault, expected in zip(faults, case.faults, strict=True):
        assert fault.startswith(expected)
    assert_refused(examples.send(TOO_LONG), 422, [OLD_RULE])
    assert_answered(examples.send(PRAISE), {"LABEL": {"equal": ["positive"]}})


def test_a_mended_file_holds_at_once(examples):
    """From broken to good, and from good to another good one, it takes a second."""
    mark = examples.stack.log.stat().st_size
    examples.write(MODEL, "inputs: [")
    wait_until(lambda: complaints(examples, MODEL, after=mark), "the log complains")
    for limit in (5, 7):
        examples.write(MODEL, f"inputs:\n  TEXT:\n    max_chars: {limit}\n")
        expected = [breach("inputs.TEXT[0]", "max_chars", limit, 17)]
        examples.until(
            PRAISE,
            lambda answer: answer.document.get("violations") == expected,  # noqa: B023
            WITHIN_S,
        )


def test_a_missing_file_that_comes_mends_the_contract(examples):
    """What the contract lacked is looked for again, without a touch of the contract itself."""
    folder: Path = examples.file("embed").parent
    mark = examples.stack.log.stat().st_size
    rules = "tokens: {tokenizer: own.json, max: 100}"
    examples.write("embed", f"inputs:\n  TEXT:\n    {rules}\n")
    wait_until(lambda: complaints(examples, "embed", after=mark), "the log complains")
    call = infer("embed", texts("TEXT", "word " * 198))
    assert examples.send(call).status == 200
    shutil.copy(folder / "1" / "weights" / "tokenizer.json", folder / "own.json")
    answer = examples.until(call, lambda answer: answer.status == 422, WITHIN_S)
    assert_refused(answer, 422, [breach("inputs.TEXT[0]", "max_tokens", 100, 200)])
    examples.restore("embed")
    examples.until(call, lambda answer: answer.status == 200, WITHIN_S)


def test_without_its_file_a_model_has_the_contract_of_its_config(examples):
    """A deleted file's rules hold no longer; names, datatypes and shapes are still checked."""
    examples.file(MODEL).unlink()
    examples.until(TOO_LONG, lambda answer: answer.status == 200, WITHIN_S)
    wide = infer(MODEL, texts("TEXT", ["a", "b"]))
    assert_refused(
        examples.send(wide), 422, [breach("inputs.TEXT.shape", "shape", [-1, 1], [1, 2])]
    )


def test_what_the_config_says_is_refused_in_observe_mode_too(examples):
    """Observe mode is about the contract file: what would harm Triton never reaches it."""
    examples.write(MODEL, f"mode: observe\n{examples.original(MODEL)}")
    examples.until(TOO_LONG, lambda answer: answer.status == 200, WITHIN_S)
    document = {"name": "TEXT", "datatype": "FP32", "shape": [1, 1], "data": [1.5]}
    assert_refused(
        examples.send(infer(MODEL, document)),
        422,
        [breach("inputs.TEXT.datatype", "datatype", "BYTES", "FP32")],
    )


def test_a_version_may_have_a_contract_of_its_own(examples):
    """A file in the version's folder holds for that version alone, in place of the model's."""
    own = examples.repository / "filetype" / "1" / "contract.yaml"
    call = infer("filetype", texts("CONTENT", "#!/bin/sh\nset -eu\nls\n"))
    pinned = {
        version: type(call)("filetype", call.body, f"versions/{version}/infer")
        for version in (1, 2)
    }
    own.write_text("inputs:\n  CONTENT:\n    max_bytes: 5\n")
    answer = examples.until(pinned[1], lambda answer: answer.status == 422, WITHIN_S)
    assert_refused(answer, 422, [breach("inputs.CONTENT[0]", "max_bytes", 5, 21)])
    assert examples.send(pinned[2]).status == 200
    own.unlink()
    examples.until(pinned[1], lambda answer: answer.status == 200, WITHIN_S)


def test_a_contract_is_replaced_whole(examples):
    """Under traffic, each answer is by the one contract or the other, never by a part of each.

    The first refuses the text, the second lets it pass with its label. The first's outputs with the
    second's inputs would be 502.
    """
    first = "inputs:\n  TEXT: {max_chars: 10}\noutputs:\n  LABEL: {values: [negative]}\n"
    second = "inputs:\n  TEXT: {max_chars: 20}\noutputs:\n  LABEL: {values: [positive]}\n"
    examples.write(MODEL, second)
    passed = examples.send(PRAISE)
    refused = (422, json.dumps([breach("inputs.TEXT[0]", "max_chars", 10, 17)]))
    expected = {first: refused, second: (200, essence(passed.document))}
    with SteadyCalls(examples.stack.http, PRAISE, 4) as clients:
        for text in [first, second] * 6:
            before = clients.answers[expected[text]]
            examples.write(MODEL, text)
            wait_until(
                lambda: clients.answers[expected[text]] > before + 20,  # noqa: B023
                "the clients see the new contract",
            )
    assert set(clients.answers) == set(expected.values())
