"""From a contract document to the plan of a rollout."""

from control.contracts.canary_document import MetricRule, ShadowRules, StickyRules
from control.contracts.document import ContractDocument
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

_MS_PER_S = 1000.0
_PERCENT = 100.0


def canary_policy(document: ContractDocument) -> CanaryPolicy:
    """Compile; the document must agree with the model's config (see ``agreement``)."""
    rules = document.canary
    verification = rules.verification
    return CanaryPolicy(
        isolation=Isolation(rules.isolation),
        sticky=_sticky(rules.sticky),
        shadow=_shadow(rules.shadow),
        comparisons={
            name: Tolerance(one.absolute, one.relative) for name, one in rules.compare.items()
        },
        step_weights=tuple(rules.step_weights),
        max_weight=rules.most_weight,
        interval_s=rules.interval_s,
        minimum_samples=rules.minimum_samples,
        bake_time_s=rules.bake_time_s,
        judge=_judge(rules.metrics, rules.error_rate_percent),
        verification=VerificationPolicy(
            max_duration_ratio=verification.max_duration_ratio,
            max_memory_ratio=verification.max_memory_ratio,
            load_timeout_s=verification.load_timeout_s,
        ),
    )


def _sticky(rules: StickyRules) -> Sticky:
    if rules.header is not None:
        return Sticky(StickyBy.HEADER, rules.header.lower())
    return Sticky(StickyBy(rules.by))


def _shadow(rules: ShadowRules) -> ShadowPolicy:
    return ShadowPolicy(rules.percent, rules.requests, rules.min_agreement_percent / _PERCENT)


def _judge(metrics: list[MetricRule], error_rate_percent: float) -> JudgePolicy:
    """Give what the metrics say; one that is not listed holds by its defaults."""
    unsaid = DEFAULT_CANARY.judge
    failure_rate = unsaid.max_failure_rate
    duration_s, duration_ratio = unsaid.max_duration_s, unsaid.max_duration_ratio
    for one in metrics:
        limits = one.threshold_range
        if limits.min is not None:
            failure_rate = (_PERCENT - limits.min) / _PERCENT
        if limits.max is not None:
            duration_s = limits.max / _MS_PER_S
        if one.name == "request-duration":
            duration_ratio = one.max_ratio
    return JudgePolicy(failure_rate, duration_s, duration_ratio, error_rate_percent / _PERCENT)
