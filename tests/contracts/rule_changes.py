"""Two contract files that differ in one rule, for each rule that there is."""

from typing import Any, Final

import yaml

from control.contracts.contract_changes import diff_rules
from control.core.contract_diff import ContractDiff

TOKENS: Final = "{tokenizer: t.json, max: 5}"

#: A rule of inputs that grows tighter from the left to the right, and what is said of it.
TIGHTER: Final = [
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


def document(text: str) -> dict[str, Any]:
    """A contract file's values."""
    values: dict[str, Any] = yaml.safe_load(text) or {}
    return values


def diff(live: str, new: str) -> ContractDiff:
    """Compare two files by themselves."""
    return diff_rules(document(live), document(new))
