"""The keys of a contract about load and failure: what they may be, and what they become."""

from typing import Any

import pytest

from control.contracts.document import ContractDocument
from control.contracts.faults import ContractBroken
from control.contracts.protection import compile_protection
from control.contracts.reading import read_document
from control.contracts.yaml_tree import parse_yaml
from control.core.contract import derive_contract
from control.core.protection import (
    DEFAULT_PROTECTION,
    BreakerPolicy,
    CachePolicy,
    ConcurrencyPolicy,
    Fallback,
    FallbackKind,
    MemoryPolicy,
    Priority,
    Protection,
    QueuePolicy,
    RetryPolicy,
    StaticOutput,
    WindowType,
)
from tests.contracts.contract_files import contract_of

FEW_CALLS = "nothing would ever be judged"


def document(text: str) -> ContractDocument:
    """Read one document."""
    return read_document(parse_yaml(text.encode(), "contract.yaml"))


def protection(text: str, **config: Any) -> Protection:
    """What a file makes of a model's protection."""
    contract = derive_contract({"name": "m", **config}) if config else contract_of()
    return compile_protection(document(text), contract)


def test_a_file_that_says_nothing_protects_by_the_defaults():
    """The document's defaults are the core's, number by number."""
    assert protection("") == DEFAULT_PROTECTION
    assert protection("limits: {}\nbreaker: {}\nretries: {}\nfallbacks: []") == DEFAULT_PROTECTION


def test_every_key_arrives_where_it_acts():
    """Milliseconds become seconds; every other number stays what it was."""
    text = """
limits:
  deadline_ms: 1500
  concurrency: {min: 3, max: 30, initial: 10}
  queue: {max_queue_size: 7, target_delay_ms: 20, interval_ms: 200}
  memory:
    bytes_per_request: 1
    bytes_per_row: 2
    bytes_per_input_byte: 3.5
    bytes_per_token: 4
    budget_bytes: 5000
    headroom_percent: 20
    device: gpu
priority: low
breaker:
  failure_rate_threshold: 30
  slow_call_rate_threshold: 40
  slow_call_duration_ms: 250
  sliding_window_type: time_based
  sliding_window_size: 15
  minimum_number_of_calls: 16
  wait_duration_in_open_state_ms: 500
  permitted_number_of_calls_in_half_open_state: 2
  max_wait_duration_in_half_open_state_ms: 2500
retries:
  num_retries: 3
  per_try_timeout_ms: 100
  hedge_on_per_try_timeout: true
  budget_percent: 0
  min_retry_concurrency: 1
deterministic: true
cache: {ttl_s: 60, per_tenant: true}
fallbacks:
  - cache: {max_stale_s: 0.5}
  - version: 4
  - model: {name: other, version: 2, inputs: {A: TEXT}, outputs: {Y: B, LABEL: C}}
  - static: {Y: [0.5, 1], LABEL: none}
"""
    assert protection(text) == Protection(
        deadline_s=1.5,
        priority=Priority.LOW,
        concurrency=ConcurrencyPolicy(None, 10, 3, 30),
        queue=QueuePolicy(7, 0.02, 0.2),
        memory=MemoryPolicy(1, 2, 3.5, 4, 5000, 20, "gpu"),
        breaker=BreakerPolicy(30, 40, 0.25, WindowType.TIME_BASED, 15, 16, 0.5, 2, 2.5),
        retries=RetryPolicy(3, 0.1, True, 0, 1),  # noqa: FBT003 - in the order of its fields
        fallbacks=(
            Fallback(FallbackKind.CACHE, max_stale_s=0.5),
            Fallback(FallbackKind.VERSION, "m", 4),
            Fallback(FallbackKind.MODEL, "other", 2, {"A": "TEXT"}, {"Y": "B", "LABEL": "C"}),
            Fallback(
                FallbackKind.STATIC,
                answer=(
                    StaticOutput("Y", "FP32", (2,), b"\0\0\0\x3f\0\0\x80\x3f"),
                    StaticOutput("LABEL", "BYTES", (1,), b"\4\0\0\0none"),
                ),
            ),
        ),
        deterministic=True,
        cache=CachePolicy(60, per_tenant=True),
    )


@pytest.mark.parametrize(
    ("text", "fixed", "least", "most"),
    [
        ("5", 5, 2, 1000),
        ("{min: 5, max: 5}", 5, 2, 1000),
        ("{max: 1}", 1, 2, 1000),
        ("{max: 9}", None, 2, 9),
        ("{min: 9}", None, 9, 1000),
        ("{min: 1001}", 1001, 2, 1000),
        ("{min: 1, max: 2}", None, 1, 2),
        ("{}", None, 2, 1000),
    ],
)
def test_a_limit_is_a_number_or_a_range(text, fixed, least, most):
    """A default gives way to the end of the range that is said."""
    found = protection(f"limits: {{concurrency: {text}}}").concurrency
    assert (found.fixed, found.least, found.most) == (fixed, least, most)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("{sliding_window_size: 8}", 8),
        ("{sliding_window_size: 50}", 20),
        ("{sliding_window_size: 8, sliding_window_type: time_based}", 20),
        ("{sliding_window_size: 8, minimum_number_of_calls: 5}", 5),
    ],
)
def test_a_small_window_of_calls_can_be_judged(text, calls):
    """The default number of calls gives way to the window, which is in calls."""
    assert protection(f"breaker: {text}").breaker.minimum_number_of_calls == calls


def test_a_stateful_model_is_never_asked_twice():
    """What it has taken in cannot be taken back, whether or not a file says something else."""
    stateful = {"sequence_batching": {}}
    assert protection("", **stateful).retries.num_retries == 0
    assert protection("retries: {budget_percent: 50}", **stateful).retries.num_retries == 0
    assert protection("retries: {budget_percent: 50}").retries.num_retries == 1


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("limits: {deadline_ms: 0}", "limits.deadline_ms", "greater than or equal to 1 (got 0)"),
        ("limits: {deadline_ms: .nan}", "limits.deadline_ms", "must be a finite number (got nan)"),
        ("limits: {deadline_ms: soon}", "limits.deadline_ms", "must be a number (got 'soon')"),
        ("limits: {concurrency: 0}", "limits.concurrency", "1..100000, or a mapping with min"),
        ("limits: {concurrency: yes}", "limits.concurrency", "or a mapping with min and max"),
        ("limits: {concurrency: ~}", "limits.concurrency", "or a mapping with min and max"),
        ("limits: {concurrency: {most: 1}}", "limits.concurrency.most", "here: initial, max, min"),
        ("limits: {concurrency: {max: 0}}", "limits.concurrency.max", "equal to 1 (got 0)"),
        ("limits: {concurrency: {min: 2, max: 1}}", "limits.concurrency", "2 is greater than max"),
        ("limits: {concurrency: {initial: 1}}", "limits.concurrency", "1 is not within 2..1000"),
        ("limits: {queue: {max_queue_size: -1}}", "limits.queue.max_queue_size", "equal to 0"),
        ("limits: {queue: {interval_ms: 0}}", "limits.queue.interval_ms", "equal to 1 (got 0)"),
        ("limits: {memory: {device: tpu}}", "limits.memory.device", "must be 'cpu' or 'gpu'"),
        ("limits: {memory: {bytes_per_row: -1}}", "limits.memory.bytes_per_row", "equal to 0"),
        ("limits: {memory: {budget_bytes: 0}}", "limits.memory.budget_bytes", "equal to 1"),
        ("limits: {memory: {headroom_percent: 91}}", "limits.memory.headroom_percent", "to 90"),
        ("priority: 1", "priority", "must be 'high', 'normal' or 'low' (got 1)"),
        ("breaker: {failure_rate_threshold: 0}", "breaker.failure_rate_threshold", "equal to 1"),
        ("breaker: {failure_rate_threshold: 101}", "breaker.failure_rate_threshold", "to 100"),
        ("breaker: {sliding_window_type: calls}", "breaker.sliding_window_type", "'time_based'"),
        ("breaker: {minimum_number_of_calls: 101}", "breaker", FEW_CALLS),
        (
            "breaker: {sliding_window_size: 9, minimum_number_of_calls: 10}",
            "breaker",
            "minimum_number_of_calls 10 is greater than sliding_window_size 9: nothing would",
        ),
        ("retries: {num_retries: 11}", "retries.num_retries", "less than or equal to 10"),
        ("retries: {budget_percent: 101}", "retries.budget_percent", "less than or equal to 100"),
        ("retries: {hedge_on_per_try_timeout: yes}", "retries", "needs per_try_timeout_ms"),
        (
            "retries: {num_retries: 0, per_try_timeout_ms: 5, hedge_on_per_try_timeout: yes}",
            "retries",
            "needs num_retries of 1 or more",
        ),
        ("deterministic: 1", "deterministic", "must be true or false (got 1)"),
        ("cache: {}", "cache.ttl_s", "is required"),
        ("cache: yes", "cache", "a mapping with the keys per_tenant, ttl_s (got True)"),
        ("fallbacks: {version: 1}", "fallbacks", "must be a list"),
        ("fallbacks: [version]", "fallbacks[0]", "with the keys cache, model, static, version"),
        ("fallbacks: [{}]", "fallbacks[0]", "exactly one key of cache, version, model, static"),
        ("fallbacks: [{version: 1, cache: {max_stale_s: 1}}]", "fallbacks[0]", "exactly one key"),
        ("fallbacks: [{other: 1}]", "fallbacks[0].other", "here: cache, model, static, version"),
        ("fallbacks: [{version: previous}]", "fallbacks[0].version", "must be a whole number"),
        ("fallbacks: [{version: 0}]", "fallbacks[0].version", "greater than or equal to 1"),
        ("fallbacks: [{cache: {}}]", "fallbacks[0].cache.max_stale_s", "is required"),
        ("fallbacks: [{model: x}]", "fallbacks[0].model", "inputs, name, outputs, version"),
        ("fallbacks: [{model: {}}]", "fallbacks[0].model.name", "is required"),
        ("fallbacks: [{static: 5}]", "fallbacks[0].static", "must be a mapping (got 5)"),
        ("fallbacks: [{static: {Y: .nan}}]", "fallbacks[0].static.Y", "finite numbers, texts"),
        ("fallbacks: [{static: {Y: [~]}}]", "fallbacks[0].static.Y", "a value or a list of values"),
        (f"fallbacks: [{{static: {{Y: {2**64}}}}}]", "fallbacks[0].static.Y", "finite numbers"),
        (f"fallbacks: [{'{version: 1}, ' * 17}]", "fallbacks", "at most 16 items"),
    ],
)
def test_a_fault_names_its_key_and_what_is_allowed(text, key, words):
    """The author reads where to look and what to write."""
    with pytest.raises(ContractBroken) as caught:
        document(text)
    (found,) = caught.value.faults
    assert (found.line, found.key) == (1, key)
    assert words in found.message
