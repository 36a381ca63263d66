"""The keys of a contract about trying out a version: what they may be, and what they become."""

import pytest

from control.contracts.canary import canary_policy
from control.contracts.document import ContractDocument
from control.contracts.faults import ContractBroken
from control.contracts.reading import read_document
from control.contracts.yaml_tree import parse_yaml
from control.core.canary_policy import (
    DEFAULT_CANARY,
    CanaryPolicy,
    Isolation,
    JudgePolicy,
    ShadowPolicy,
    Sticky,
    StickyBy,
    Tolerance,
    VerificationPolicy,
)

EVERYTHING = """
canary:
  isolation: own_server
  sticky: {header: X-User-Id}
  shadow: {percent: 12.5, requests: 40, min_agreement_percent: 90}
  compare:
    Y: {absolute: 0.01, relative: 0}
    LABEL: equal
  step_weights: [1, 10, 60]
  max_weight: 40
  interval_s: 12.5
  minimum_samples: 7
  bake_time_s: 0
  metrics:
    - {name: request-success-rate, threshold_range: {min: 95}}
    - {name: request-duration, threshold_range: {max: 250}, max_ratio: 3}
  error_rate_percent: 1
  verification: {max_duration_ratio: 2, max_memory_ratio: 3, load_timeout_s: 30}
"""


def document(text: str) -> ContractDocument:
    """Read one document."""
    return read_document(parse_yaml(text.encode(), "contract.yaml"))


def policy(text: str) -> CanaryPolicy:
    """What a `canary` section becomes."""
    return canary_policy(document(f"canary: {text}"))


@pytest.mark.parametrize(
    "text",
    ["", "canary: {}", "canary: {metrics: [], shadow: {}, compare: {}, verification: {}}"],
)
def test_a_file_that_says_nothing_tries_out_by_the_defaults(text):
    """The document's defaults are the core's, number by number."""
    assert canary_policy(document(text)) == DEFAULT_CANARY


def test_every_key_arrives_where_it_acts():
    """Percents become ratios, a call's milliseconds seconds."""
    expected = CanaryPolicy(
        isolation=Isolation.OWN_SERVER,
        sticky=Sticky(StickyBy.HEADER, "x-user-id"),
        shadow=ShadowPolicy(12.5, 40, 0.9),
        comparisons={"Y": Tolerance(0.01, 0), "LABEL": Tolerance(0, 0)},
        step_weights=(1, 10, 60),
        max_weight=40,
        interval_s=12.5,
        minimum_samples=7,
        bake_time_s=0,
        judge=JudgePolicy(0.05, 0.25, 3, 0.01),
        verification=VerificationPolicy(2, 3, 30),
    )
    assert canary_policy(document(EVERYTHING)) == expected


@pytest.mark.parametrize("word", ["request_id", "request", "tenant"])
def test_requests_stick_by_a_word(word):
    """A word is enough where there is no header to name."""
    assert policy(f"{{sticky: {word}}}").sticky == Sticky(StickyBy(word))


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("{}", (5, 20, 50)),
        ("{max_weight: 30}", (5, 20, 30)),
        ("{max_weight: 1}", (1,)),
        ("{step_weights: [1, 2]}", (1, 2)),
        ("{step_weights: [10, 90]}", (10, 90)),
        ("{step_weights: [10, 90], max_weight: 20}", (10, 20)),
        ("{step_weights: [100]}", (100,)),
    ],
)
def test_a_default_gives_way_to_what_is_said(text, weights):
    """Neither steps nor the greatest weight need the other to be said."""
    assert policy(text).weights == weights


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ("[]", DEFAULT_CANARY.judge),
        ("[{name: request-success-rate, threshold_range: {min: 100}}]", JudgePolicy(0.0)),
        ("[{name: request-success-rate, threshold_range: {min: 99}}]", JudgePolicy(0.01)),
        (
            "[{name: request-duration, threshold_range: {max: 500}}]",
            JudgePolicy(max_duration_s=0.5),
        ),
        ("[{name: request-duration, max_ratio: none}]", JudgePolicy(max_duration_ratio=None)),
        ("[{name: request-duration, max_ratio: 1}]", JudgePolicy(max_duration_ratio=1)),
    ],
)
def test_a_metric_that_is_not_said_holds_by_its_defaults(metrics, expected):
    """Saying one thing switches nothing else off; only `none` does."""
    assert policy(f"{{metrics: {metrics}}}").judge == expected


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("{weight: 5}", "weight", "allowed here: bake_time_s, compare, error_rate_percent"),
        ("5", "", "must be a mapping with the keys bake_time_s, compare"),
        ("{isolation: none}", "isolation", "must be 'same_server' or 'own_server' (got 'none')"),
        ("{sticky: user}", "sticky", "must be request_id, request, tenant, or a mapping with"),
        ("{sticky: header}", "sticky", "or a mapping with header (got 'header')"),
        ("{sticky: ~}", "sticky", "or a mapping with header (got None)"),
        ("{sticky: [a]}", "sticky", "or a mapping with header"),
        ("{sticky: {by: header}}", "sticky", "by header needs the name: {header: NAME}"),
        ("{sticky: {by: tenant, header: x}}", "sticky", "by tenant needs no header"),
        ("{sticky: {cookie: x}}", "sticky.cookie", "no such key; allowed here: by, header"),
        ("{sticky: {header: 'x: y'}}", "sticky.header", "must be the name of a header"),
        ("{sticky: {header: ''}}", "sticky.header", "at least 1 character"),
        ("{shadow: {percent: 101}}", "shadow.percent", "less than or equal to 100"),
        ("{shadow: {requests: 0}}", "shadow.requests", "greater than or equal to 1"),
        ("{shadow: {requests: 1.5}}", "shadow.requests", "must be a"),
        ("{shadow: {min_agreement_percent: -1}}", "shadow.min_agreement_percent", "equal to 0"),
        ("{compare: {Y: close}}", "compare.Y", "must be equal, or a mapping with absolute and"),
        ("{compare: {Y: 0.1}}", "compare.Y", "must be equal, or a mapping with absolute and"),
        ("{compare: {Y: {absolute: -1}}}", "compare.Y.absolute", "greater than or equal to 0"),
        ("{compare: {Y: {relative: .inf}}}", "compare.Y.relative", "must be"),
        ("{compare: {Y: {percent: 1}}}", "compare.Y.percent", "allowed here: absolute, relative"),
        ("{step_weights: 5}", "step_weights", "must be a list"),
        ("{step_weights: []}", "step_weights", "at least 1 item"),
        ("{step_weights: [0, 5]}", "step_weights[0]", "greater than or equal to 0.01 (got 0)"),
        ("{step_weights: [50, 101]}", "step_weights[1]", "less than or equal to 100"),
        ("{step_weights: [5, 5]}", "step_weights", "must rise from step to step: 5 comes after 5"),
        ("{step_weights: [20, 5]}", "step_weights", "5 comes after 20"),
        ("{max_weight: 0}", "max_weight", "greater than or equal to 0.01"),
        ("{interval_s: 0}", "interval_s", "greater than or equal to 0.001"),
        ("{minimum_samples: 0}", "minimum_samples", "greater than or equal to 1"),
        ("{bake_time_s: -1}", "bake_time_s", "greater than or equal to 0"),
        ("{error_rate_percent: 0}", "error_rate_percent", "greater than or equal to 0.0001"),
        ("{error_rate_percent: 51}", "error_rate_percent", "less than or equal to 50"),
        ("{metrics: {name: x}}", "metrics", "must be a list"),
        ("{metrics: [{}]}", "metrics[0].name", "is required"),
        ("{metrics: [{name: cpu}]}", "metrics[0].name", "'request-success-rate' or 'request-dur"),
        ("{metrics: [{name: request-duration}]}", "metrics[0]", "needs threshold_range: {max: MI"),
        ("{metrics: [{name: request-success-rate}]}", "metrics[0]", "{min: PERCENT}"),
        (
            "{metrics: [{name: request-duration, threshold_range: {min: 1}}]}",
            "metrics[0]",
            "request-duration has a threshold_range.max, no min",
        ),
        (
            "{metrics: [{name: request-success-rate, threshold_range: {min: 1, max: 2}}]}",
            "metrics[0]",
            "request-success-rate has a threshold_range.min, no max and no max_ratio",
        ),
        (
            "{metrics: [{name: request-success-rate, max_ratio: 2}]}",
            "metrics[0]",
            "no max and no max_ratio",
        ),
        (
            "{metrics: [{name: request-success-rate, threshold_range: {min: 0}}]}",
            "metrics[0].threshold_range.min",
            "greater than or equal to 1",
        ),
        (
            "{metrics: [{name: request-duration, max_ratio: 0.5}]}",
            "metrics[0].max_ratio",
            "greater than or equal to 1 (got 0.5)",
        ),
        (
            "{metrics: [{name: request-duration, max_ratio: any}]}",
            "metrics[0].max_ratio",
            "must be a number (got 'any')",
        ),
        (
            f"{{metrics: [{', '.join(['{name: request-duration, max_ratio: 2}'] * 2)}]}}",
            "metrics",
            "request-duration is given twice",
        ),
        (
            "{verification: {max_memory_ratio: 0.5}}",
            "verification.max_memory_ratio",
            "greater than or equal to 1",
        ),
        ("{verification: {timeout_s: 1}}", "verification.timeout_s", "load_timeout_s, max_dur"),
    ],
)
def test_a_fault_names_its_key_and_what_is_allowed(text, key, words):
    """The author reads where to look and what to write."""
    with pytest.raises(ContractBroken) as caught:
        document(f"canary:\n  {text}")
    (found,) = caught.value.faults
    assert (found.line, found.key) == (2 if key else 1, f"canary.{key}".removesuffix("."))
    assert words in found.message
