"""Contract files that must not be adopted, and what their author is told."""

from dataclasses import dataclass
from typing import Final

#: The model whose file is broken: TEXT is BYTES [1], SCORE is FP32 [1].
MODEL: Final = "sentiment_lexicon"


@dataclass(frozen=True, slots=True)
class BrokenCase:
    """``faults``: how the log's complaints begin, in order. ``keys``: those that are at fault."""

    name: str
    text: str
    faults: tuple[str, ...]
    keys: tuple[str, ...] = ()


def _of(side: str, tensor: str, *lines: str) -> str:
    return "\n".join([f"{side}:", f"  {tensor}:", *(f"    {line}" for line in lines)]) + "\n"


CASES: Final = (
    BrokenCase(
        "an unknown key",
        _of("inputs", "TEXT", "max_char: 5"),
        (
            ("contract.yaml:3: inputs.TEXT.max_char: no such key; allowed here: datatype, dims, "
            "encoding, finite, integer, json_schema, max, max_bytes, max_chars, min,"),
        ),
    ),
    BrokenCase(
        "a wrong type",
        _of("inputs", "TEXT", "max_chars: many"),
        (
            "contract.yaml:3: inputs.TEXT.max_chars: must be a whole number (got 'many')",
        ),
    ),
    BrokenCase(
        "a number out of its range",
        "limits:\n  request_bytes: 0\n",
        (
            ("contract.yaml:2: limits.request_bytes: "
            "must be greater than or equal to 1 (got 0)"),
        ),
    ),
    BrokenCase(
        "a word that is no choice",
        "mode: strict\n",
        ("contract.yaml:1: mode: must be 'enforce' or 'observe' (got 'strict')",),
    ),
    BrokenCase(
        "a range upside down",
        _of("outputs", "SCORE", "min: 1", "max: 0"),
        ("contract.yaml:2: outputs.SCORE: min 1 is greater than max 0",),
    ),
    BrokenCase(
        "a schema that does not compile",
        _of("inputs", "TEXT", "json_schema: {type: nonsense}"),
        ("contract.yaml:3: inputs.TEXT.json_schema: is not a JSON Schema: ",),
    ),
    BrokenCase(
        "a schema file that is no JSON",
        _of("inputs", "TEXT", "json_schema: config.pbtxt"),
        ("contract.yaml:3: inputs.TEXT.json_schema: 'config.pbtxt' is not JSON: ",),
    ),
    BrokenCase(
        "a pattern that is no regular expression",
        _of("inputs", "TEXT", "pattern: '(ab'"),
        ("contract.yaml:3: inputs.TEXT.pattern: is not a regular expression of RE2: missing )",),
    ),
    BrokenCase(
        "a missing tokenizer",
        _of("inputs", "TEXT", "tokens: {tokenizer: '{version}/none.json'}"),
        ("contract.yaml:3: inputs.TEXT.tokens.tokenizer: '1/none.json' is missing",),
    ),
    BrokenCase(
        "a file that is no tokenizer",
        _of("inputs", "TEXT", "tokens: {tokenizer: config.pbtxt}"),
        ("contract.yaml:3: inputs.TEXT.tokens.tokenizer: 'config.pbtxt' is not a tokenizer: ",),
    ),
    BrokenCase(
        "a file of another model",
        _of("inputs", "TEXT", "tokens: {tokenizer: ../embed/1/weights/tokenizer.json}"),
        (
            ("contract.yaml:3: inputs.TEXT.tokens.tokenizer: "
            "'../embed/1/weights/tokenizer.json' is outside the model's folder"),
        ),
    ),
    BrokenCase(
        "no YAML",
        "inputs: [\n",
        ("contract.yaml:2: is not YAML: ",),
    ),
    BrokenCase(
        "a key given twice",
        _of("inputs", "TEXT", "min_chars: 1", "min_chars: 2"),
        ("contract.yaml:4: inputs.TEXT.min_chars: key 'min_chars' is given twice",),
    ),
    BrokenCase(
        "an input that the model has not",
        _of("inputs", "TEXTS", "min_chars: 1"),
        ("contract.yaml:2: inputs.TEXTS: no such input of the model; there is: TEXT",),
    ),
    BrokenCase(
        "another datatype than the model's",
        _of("inputs", "TEXT", "datatype: FP32")
        + _of("outputs", "SCORE", "datatype: FP64"),
        (
            "contract.yaml:3: inputs.TEXT.datatype: the model's config says BYTES, got FP32",
            "contract.yaml:6: outputs.SCORE.datatype: the model's config says FP32, got FP64",
        ),
        ("inputs.datatype", "outputs.datatype"),
    ),
    BrokenCase(
        "another rank than the model's",
        _of("inputs", "TEXT", "rank: 2") + _of("outputs", "SCORE", "rank: 0"),
        (
            "contract.yaml:3: inputs.TEXT.rank: the model's config has 1 dimensions, got 2",
            "contract.yaml:6: outputs.SCORE.rank: the model's config has 1 dimensions, got 0",
        ),
        ("inputs.rank", "outputs.rank"),
    ),
    BrokenCase(
        "tokens of an output",
        _of("outputs", "LABEL", "tokens: {tokenizer: a, max: 1, on_excess: reject}"),
        ("contract.yaml:3: outputs.LABEL.tokens: tokens are counted of inputs only",),
        ("outputs.tokens.tokenizer", "outputs.tokens.max", "outputs.tokens.on_excess"),
    ),
    BrokenCase(
        "a rule for numbers on texts, and a larger batch than the model's",
        "limits:\n  batch: 65\n" + _of("inputs", "TEXT", "max: 5"),
        (
            "contract.yaml:2: limits.batch: the model's config allows at most 64, got 65",
            ("contract.yaml:5: inputs.TEXT.max: "
            "is a rule for numbers, and the datatype is BYTES"),
        ),
    ),
)  # fmt: skip
