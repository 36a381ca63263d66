"""One request that each rule lets pass and one that it refuses, by the example contracts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.contracts.calls import (
    Call,
    Violation,
    binary,
    breach,
    generate,
    infer,
    numbers,
    texts,
)

#: What a model itself answers to what it cannot take.
BY_THE_MODEL: Final = 400
ANY_SCORE: Final = {"SCORE": {"min": 0, "max": 1}}


@dataclass(frozen=True, slots=True)
class RuleCase:
    """``keys`` of the contract that ``bad`` breaks and ``good`` keeps.

    ``observed`` is the status of ``bad`` where breaches are let pass, ``also`` what is counted then
    beside the violations: breaches of outputs.
    """

    name: str
    keys: tuple[str, ...]
    good: Call
    right: Mapping[str, dict[str, Any]]
    bad: Call
    violations: tuple[Violation, ...]
    observed: int = 200
    also: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model whose contract it is."""
        return self.good.model


# -- texts -----------------------------------------------------------------------------------------

PYTHON: Final = (
    b"import os\n\n\ndef main():\n    for name in os.listdir('.'):\n        print(name)\n"
)
PRAISE: Final = {"LABEL": {"equal": ["positive"]}, **ANY_SCORE}

TEXTS: Final = (
    RuleCase(
        "min_chars",
        ("inputs.min_chars",),
        infer("sentiment", texts("TEXT", "lovely")),
        PRAISE,
        infer("sentiment", texts("TEXT", "lovely", "")),
        (breach("inputs.TEXT[1]", "min_chars", 1, 0),),
    ),
    RuleCase(
        "tokens, rejected",
        ("inputs.tokens.tokenizer", "inputs.tokens.max", "inputs.tokens.on_excess"),
        infer("sentiment", texts("TEXT", "lovely " * 254)),
        PRAISE,
        infer("sentiment", texts("TEXT", "fine", "lovely " * 309)),
        (breach("inputs.TEXT[1]", "max_tokens", 256, 311),),
    ),
    RuleCase(
        "encoding",
        ("inputs.encoding",),
        binary("sentiment_lexicon", "TEXT", "schöne great day".encode()),
        PRAISE,
        binary("sentiment_lexicon", "TEXT", b"great \xff\xfe"),
        (breach("inputs.TEXT[0]", "encoding", "utf-8", "byte 6 is 0xff"),),
        observed=BY_THE_MODEL,
    ),
    RuleCase(
        "max_chars",
        ("inputs.max_chars",),
        infer("sentiment_lexicon", texts("TEXT", "great " + "ü" * 9994)),
        PRAISE,
        infer("sentiment_lexicon", texts("TEXT", "great " + "ü" * 9995)),
        (breach("inputs.TEXT[0]", "max_chars", 10_000, 10_001),),
    ),
    RuleCase(
        "max_bytes",
        ("inputs.max_bytes",),
        binary("filetype", "CONTENT", PYTHON, b"\0" * 2**20),
        {"LABEL": {"equal": ["python", "iso"]}, **ANY_SCORE},
        binary("filetype", "CONTENT", PYTHON, b"\0" * (2**20 + 1)),
        (breach("inputs.CONTENT[1]", "max_bytes", 2**20, 2**20 + 1),),
    ),
    RuleCase(
        "min_bytes",
        ("inputs.min_bytes",),
        infer("rerank", texts("QUERY", "a"), texts("PASSAGES", ["a", "b"])),
        {"ORDER": {"equal": [0, 1]}},
        infer("rerank", texts("QUERY", "a"), texts("PASSAGES", ["a", ""])),
        (breach("inputs.PASSAGES[1]", "min_bytes", 1, 0),),
    ),
)

# -- numbers and shapes ----------------------------------------------------------------------------

QUERY: Final = texts("QUERY", "How do I reset my password?")
PASSAGES: Final = texts(
    "PASSAGES",
    ["Choose 'Forgot password' on the sign-in page.", "Invoices are sent on the first."],
)


def rerank(*more: dict[str, Any], **parameters: Any) -> Call:
    """A request that ranks two passages."""
    return infer("rerank", QUERY, PASSAGES, *more, **parameters)


def prior(*values: float) -> Call:
    """The same with a prior."""
    return rerank(numbers("PRIOR", "FP32", values))


RANKED: Final = {"ORDER": {"equal": [0, 1]}}
SECOND_FIRST: Final = {"ORDER": {"equal": [1, 0]}}

NUMBERS: Final = (
    RuleCase(
        "finite",
        ("inputs.finite",),
        prior(0, 0.5),
        RANKED,
        prior(0, float("nan")),
        (breach("inputs.PRIOR[1]", "finite", "finite numbers", "nan"),),
        also=("finite",),
    ),
    RuleCase(
        "min of a float",
        ("inputs.min",),
        prior(-1, 0),
        SECOND_FIRST,
        prior(0, -1.5),
        (breach("inputs.PRIOR[1]", "min", -1, -1.5),),
    ),
    RuleCase(
        "max of a float",
        ("inputs.max",),
        prior(0, 1),
        SECOND_FIRST,
        prior(1.25, 0),
        (breach("inputs.PRIOR[0]", "max", 1, 1.25),),
    ),
    RuleCase(
        "min and max of an integer",
        ("inputs.min", "inputs.max"),
        rerank(numbers("TOP_K", "INT32", [1])),
        {"ORDER": {"equal": [0, -1]}},
        infer(
            "rerank",
            texts("QUERY", "a", "b", "c"),
            texts("PASSAGES", ["a"], ["b"], ["c"]),
            numbers("TOP_K", "INT32", [1], [33], [0]),
        ),
        (breach("inputs.TOP_K[2]", "min", 1, 0), breach("inputs.TOP_K[1]", "max", 32, 33)),
    ),
    RuleCase(
        "dims",
        ("inputs.dims.min", "inputs.dims.max"),
        infer("rerank", QUERY, texts("PASSAGES", ["a"] * 32)),
        {"SCORES": {"min": -2, "max": 2}},
        infer("rerank", QUERY, texts("PASSAGES", ["a"] * 33)),
        (breach("inputs.PASSAGES.shape", "dim", "dims[0] 1..32", 33),),
        also=("dim", "max"),
    ),
)

# -- a ticket --------------------------------------------------------------------------------------

TICKET: Final = {"subject": "Invoice", "body": "The invoice lists two seats, we have one."}


def ticket(*more: dict[str, Any], document: Any = None, locale: str = "en", **asked: Any) -> Call:
    """A request about a ticket."""
    text = document if isinstance(document, str) else json.dumps(document or TICKET)
    return infer("ticket", texts("TICKET", text), *more, locale=locale, **asked)


BILLING: Final = {"QUEUE": {"equal": ["billing"]}, "URGENCY": {"min": 0, "max": 0.5}}
ATTACHED: Final = {"name": "invoice.pdf", "size_bytes": 48211}

TICKETS: Final = (
    RuleCase(
        "json_schema, as a file",
        ("inputs.json_schema",),
        ticket(document={**TICKET, "priority": "low", "attachments": [ATTACHED]}),
        BILLING,
        ticket(
            document={
                "subject": "Invoice",
                "attachments": [ATTACHED, {**ATTACHED, "size_bytes": "big"}],
            }
        ),
        (
            breach(
                "inputs.TICKET[0]",
                "json_schema",
                "required: body",
                '{"subject": "Invoice", "attachments": [{"name": "invoice.pdf"...',
            ),
            breach(
                "inputs.TICKET[0].attachments[1].size_bytes",
                "json_schema",
                "type: ['integer']",
                '"big"',
            ),
        ),
        observed=BY_THE_MODEL,
    ),
    RuleCase(
        "values, of numbers",
        ("inputs.values",),
        ticket(numbers("TIER", "INT32", [3])),
        BILLING,
        ticket(numbers("TIER", "INT32", [4])),
        (breach("inputs.TIER[0]", "values", ["1", "2", "3"], 4),),
    ),
    RuleCase(
        "values, of texts",
        ("inputs.values",),
        ticket(texts("CHANNEL", "chat")),
        BILLING,
        ticket(texts("CHANNEL", "fax")),
        (breach("inputs.CHANNEL[0]", "values", ["chat", "email", "phone", "web"], "fax"),),
    ),
    RuleCase(
        "integer",
        ("inputs.integer",),
        ticket(numbers("HISTORY", "FP32", [2, 5])),
        BILLING,
        ticket(numbers("HISTORY", "FP32", [2, 2.5])),
        (breach("inputs.HISTORY[1]", "integer", "whole numbers", 2.5),),
    ),
    RuleCase(
        "pattern",
        ("inputs.pattern",),
        ticket(texts("RECEIVED", "2026-11-22T03:15Z")),
        BILLING,
        ticket(texts("RECEIVED", "yesterday at noon")),
        (
            breach(
                "inputs.RECEIVED[0]",
                "pattern",
                r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\dZ",
                "yesterday at noon",
            ),
        ),
        observed=BY_THE_MODEL,
    ),
    RuleCase(
        "request_bytes",
        ("limits.request_bytes",),
        Call("ticket", ticket().body.ljust(65_536)),
        BILLING,
        Call("ticket", ticket().body.ljust(65_537)),
        (breach("body", "request_bytes", 65_536, 65_537),),
    ),
    RuleCase(
        "generate.json_schema, in place",
        ("generate.json_schema",),
        generate("ticket", HISTORY=[1, 2], TIER=2, TICKET=json.dumps(TICKET), locale="en"),
        BILLING,
        generate("ticket", HISTORY=[1, 2], locale="en", TICKET=json.dumps(TICKET)),
        (
            breach(
                "body",
                "json_schema",
                "required: TIER",
                '{"HISTORY": [1, 2], "locale": "en", "TICKET": "{\\"subject\\": ...',
            ),
        ),
    ),
)

# -- parameters ------------------------------------------------------------------------------------


def complete(prompt: str = "A class definition", **parameters: Any) -> Call:
    """A request that continues a text, always in the same way."""
    return infer("complete", texts("PROMPT", prompt), **{"temperature": 0, **parameters})


SENTENCE: Final = {"TEXT": {"equal": [" is used to the class definition."]}}

PARAMETERS: Final = (
    RuleCase(
        "type of a parameter",
        ("parameters.type",),
        ticket(explain=True),
        BILLING,
        ticket(explain="yes"),
        (breach("parameters.explain", "parameter_type", "boolean", "string"),),
    ),
    RuleCase(
        "required parameter",
        ("parameters.required",),
        ticket(),
        BILLING,
        infer("ticket", texts("TICKET", json.dumps(TICKET))),
        (breach("parameters.locale", "required_parameter", "string", "nothing"),),
    ),
    RuleCase(
        "values of a parameter",
        ("parameters.values",),
        ticket(locale="de"),
        BILLING,
        ticket(locale="fr"),
        (breach("parameters.locale", "values", ["de", "en"], "fr"),),
    ),
    RuleCase(
        "other parameters, where some are listed",
        ("other_parameters",),
        complete(max_new_tokens=8),
        SENTENCE,
        complete(max_tokens=8),
        (
            breach(
                "parameters.max_tokens",
                "unknown_parameter",
                ["max_new_tokens", "seed", "stop", "temperature"],
                "max_tokens",
            ),
        ),
    ),
    RuleCase(
        "other parameters, where none is listed",
        ("other_parameters",),
        rerank(priority=0),
        RANKED,
        rerank(top_k=1),
        (breach("parameters.top_k", "unknown_parameter", [], "top_k"),),
    ),
    RuleCase(
        "min of a parameter",
        ("parameters.min",),
        complete(max_new_tokens=1),
        {"NEW_TOKENS": {"equal": [1]}, "FINISH": {"equal": ["length"]}},
        complete(max_new_tokens=0),
        (breach("parameters.max_new_tokens", "min", 1, 0),),
    ),
    RuleCase(
        "max of a parameter",
        ("parameters.max",),
        complete(max_new_tokens=128),
        SENTENCE,
        complete(max_new_tokens=129),
        (breach("parameters.max_new_tokens", "max", 128, 129),),
    ),
    RuleCase(
        "max_chars of a parameter",
        ("parameters.max_chars",),
        complete(stop="class"),
        {"TEXT": {"equal": [" is used to the "]}, "FINISH": {"equal": ["stop"]}},
        complete(stop="no such word here"),
        (breach("parameters.stop", "max_chars", 16, 17),),
    ),
)

# -- several inputs together -----------------------------------------------------------------------

ACROSS: Final = (
    RuleCase(
        "batch",
        ("limits.batch",),
        infer("rerank", texts("QUERY", *"abcd"), texts("PASSAGES", *[["x", "y"]] * 4)),
        {"SCORES": {"min": -2, "max": 2}},
        infer("rerank", texts("QUERY", *"abcde"), texts("PASSAGES", *[["x", "y"]] * 5)),
        (breach("inputs", "batch", 4, 5),),
    ),
    RuleCase(
        "same_length",
        ("rules.same_length",),
        prior(0, 0),
        RANKED,
        prior(0, 0, 0),
        (breach("inputs.PRIOR.shape", "same_length", "2, as PASSAGES has", 3),),
        observed=BY_THE_MODEL,
    ),
    RuleCase(
        "total_tokens",
        ("rules.total_tokens.inputs", "rules.total_tokens.max"),
        infer("rerank", texts("QUERY", "word"), texts("PASSAGES", ["word " * 98] * 20)),
        {"SCORES": {"min": -2, "max": 2}},
        infer("rerank", texts("QUERY", "word"), texts("PASSAGES", ["word " * 98] * 21)),
        (breach("inputs.QUERY[0], inputs.PASSAGES[0]", "total_tokens", 2048, 2103),),
    ),
    RuleCase(
        "context, with what was asked for",
        ("rules.context.prompt", "rules.context.new_tokens", "rules.context.max"),
        complete(" the" * 247, max_new_tokens=8),
        {"NEW_TOKENS": {"min": 0, "max": 8}},
        complete(" the" * 247, max_new_tokens=9),
        (breach("inputs.PROMPT[0]", "context", 256, 257),),
        observed=BY_THE_MODEL,
    ),
    RuleCase(
        "context, where nothing was asked for",
        ("rules.context.default",),
        complete(" the" * 223),
        {"NEW_TOKENS": {"min": 0, "max": 32}},
        complete(" the" * 224),
        (breach("inputs.PROMPT[0]", "context", 256, 257),),
        observed=BY_THE_MODEL,
    ),
)

CASES: Final = (*TEXTS, *NUMBERS, *TICKETS, *PARAMETERS, *ACROSS)

#: Breaches that a model itself would not mind, one for each model: they show which mode holds.
PROBES: Final = {case.model: case for case in reversed(CASES) if case.observed == 200}
