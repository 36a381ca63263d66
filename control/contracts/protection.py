"""From a contract document to the policies that protect a version."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from control.contracts.document import ContractDocument
from control.contracts.fallback_document import FallbackStep
from control.contracts.faults import Complaint
from control.contracts.limits_document import ConcurrencyRange, MemoryRules, QueueRules
from control.contracts.protection_document import BreakerRules, RetryRules
from control.contracts.static_rows import static_fault, static_output
from control.contracts.tensor_rules import CompiledTensor
from control.core.contract import Contract
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
    WindowType,
)

_MS_PER_S: Final = 1000.0


def default_protection(contract: Contract) -> Protection:
    """Give what protects a version whose contract says nothing of it.

    A request to a stateful model is never sent twice: the first one may have moved its state.
    """
    if not contract.stateful:
        return DEFAULT_PROTECTION
    retries = replace(DEFAULT_PROTECTION.retries, num_retries=0)
    return replace(DEFAULT_PROTECTION, retries=retries)


def compile_protection(document: ContractDocument, contract: Contract) -> Protection:
    """Compile; the document must agree with ``contract`` (see ``agreement``)."""
    limits = document.limits
    cache = document.cache
    return Protection(
        deadline_s=_seconds(limits.deadline_ms),
        priority=Priority[document.priority.upper()],
        concurrency=_concurrency(limits.concurrency),
        queue=_queue(limits.queue),
        memory=_memory(limits.memory),
        breaker=_breaker(document.breaker),
        retries=_retries(document.retries, default_protection(contract).retries),
        fallbacks=tuple(_fallback(step, contract) for step in document.fallbacks),
        deterministic=document.deterministic,
        cache=CachePolicy(cache.ttl_s, cache.per_tenant) if cache is not None else None,
    )


def static_breaches(
    protection: Protection, outputs: Mapping[str, CompiledTensor]
) -> Iterator[Complaint]:
    """Give every static output that the contract's own rules of outputs would refuse."""
    for place, step in enumerate(protection.fallbacks):
        for one in step.answer:
            rules = outputs.get(one.name)
            if rules is None:
                continue
            shape = (1, *one.shape) if rules.batched else one.shape
            for breach in rules.check(shape, one.data, "").violations[:1]:
                message = f"breaks outputs.{one.name}: {breach.rule} {breach.limit}"
                yield ("fallbacks", place, "static", one.name), f"{message}, got {breach.got}"


def _concurrency(rules: ConcurrencyRange) -> ConcurrencyPolicy:
    least, most = rules.bounds
    if least == most:
        return ConcurrencyPolicy(fixed=most)
    return ConcurrencyPolicy(initial=rules.initial, least=least, most=most)


def _queue(rules: QueueRules) -> QueuePolicy:
    return QueuePolicy(
        max_queue_size=rules.max_queue_size,
        target_delay_s=_seconds(rules.target_delay_ms),
        interval_s=rules.interval_ms / _MS_PER_S,
    )


def _memory(rules: MemoryRules) -> MemoryPolicy:
    return MemoryPolicy(
        bytes_per_request=rules.bytes_per_request,
        bytes_per_row=rules.bytes_per_row,
        bytes_per_input_byte=rules.bytes_per_input_byte,
        bytes_per_token=rules.bytes_per_token,
        budget_bytes=rules.budget_bytes,
        headroom_percent=rules.headroom_percent,
        device=rules.device,
    )


def _breaker(rules: BreakerRules) -> BreakerPolicy:
    return BreakerPolicy(
        failure_rate_threshold=rules.failure_rate_threshold,
        slow_call_rate_threshold=rules.slow_call_rate_threshold,
        slow_call_duration_s=rules.slow_call_duration_ms / _MS_PER_S,
        sliding_window_type=WindowType(rules.sliding_window_type),
        sliding_window_size=rules.sliding_window_size,
        minimum_number_of_calls=rules.least_calls,
        wait_duration_in_open_state_s=rules.wait_duration_in_open_state_ms / _MS_PER_S,
        permitted_number_of_calls_in_half_open_state=(
            rules.permitted_number_of_calls_in_half_open_state
        ),
        max_wait_duration_in_half_open_state_s=(
            rules.max_wait_duration_in_half_open_state_ms / _MS_PER_S
        ),
    )


def _retries(rules: RetryRules, default: RetryPolicy) -> RetryPolicy:
    says_how_many = "num_retries" in rules.model_fields_set
    return RetryPolicy(
        num_retries=rules.num_retries if says_how_many else default.num_retries,
        per_try_timeout_s=_seconds(rules.per_try_timeout_ms),
        hedge_on_per_try_timeout=rules.hedge_on_per_try_timeout,
        budget_percent=rules.budget_percent,
        min_retry_concurrency=rules.min_retry_concurrency,
    )


def _fallback(step: FallbackStep, contract: Contract) -> Fallback:
    if step.cache is not None:
        return Fallback(FallbackKind.CACHE, max_stale_s=step.cache.max_stale_s)
    if step.version is not None:
        return Fallback(FallbackKind.VERSION, contract.model, step.version)
    if step.model is not None:
        one = step.model
        return Fallback(FallbackKind.MODEL, one.name, one.version, one.inputs, one.outputs)
    answer = tuple(
        static_output(contract.outputs[name], row)
        for name, row in (step.static or {}).items()
        if name in contract.outputs and not static_fault(contract.outputs[name], row)
    )  # the others are faults of their own, see ``protection_agreement``
    return Fallback(FallbackKind.STATIC, answer=answer)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / _MS_PER_S
