"""The keys of ``contract.yaml`` about trying out a new version.

Names are Flagger's where it has them. Defaults are those of ``core.canary_policy``: percent where
that has ratios, milliseconds where it has a call's seconds.
"""

import itertools
import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from control.contracts.parts import Milliseconds, Name, Part, Percent, Seconds, Share
from control.core.canary_policy import DEFAULT_CANARY, DEFAULT_TOLERANCE, StickyBy

_SHADOW: Final = DEFAULT_CANARY.shadow
_JUDGE: Final = DEFAULT_CANARY.judge
_VERIFICATION: Final = DEFAULT_CANARY.verification

#: Tokens of RFC 9110, of which names of headers are made.
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_MOST_RATIO: Final = 1000
#: What ``sticky`` may be as a bare word; a header has to be named.
STICKY_WORDS: Final = tuple(one.value for one in StickyBy if one is not StickyBy.HEADER)

_Calls = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
_Weight = Annotated[float, Field(ge=0.01, le=100, strict=True, allow_inf_nan=False)]
_Ratio = Annotated[float, Field(ge=1, le=_MOST_RATIO, strict=True, allow_inf_nan=False)]
_Distance = Annotated[float, Field(ge=0, le=1e30, strict=True, allow_inf_nan=False)]
_BakeTime = Annotated[float, Field(ge=0, le=30 * 86_400, strict=True, allow_inf_nan=False)]
_ErrorRate = Annotated[float, Field(ge=0.0001, le=50, strict=True, allow_inf_nan=False)]


def _header(name: str) -> str:
    if _HEADER.fullmatch(name) is None:
        message = "must be the name of a header, as x-user-id is"
        raise ValueError(message)
    return name


class StickyRules(Part):
    """What decides the track of a request; a bare word in the file is ``by``."""

    by: Literal["request_id", "request", "tenant", "header"] = "request_id"
    """The header ``x-request-id``, the bytes of the body, the tenant, or another header."""
    header: Annotated[Name, AfterValidator(_header)] | None = None
    """This header; requests without it are drawn for as if by ``request_id``."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        by_header = self.by == StickyBy.HEADER.value or "by" not in self.model_fields_set
        if self.header is not None and not by_header:
            message = f"by {self.by} needs no header: give one of the two"
            raise ValueError(message)
        if self.header is None and self.by == StickyBy.HEADER.value:
            message = "by header needs the name: {header: NAME}"
            raise ValueError(message)
        return self


def _by_word(value: object) -> object:
    if isinstance(value, dict):
        return value
    if value not in STICKY_WORDS:
        message = f"must be {', '.join(STICKY_WORDS)}, or a mapping with header"
        raise ValueError(message)
    return {"by": value}


class ShadowRules(Part):
    """Copies of requests whose answers are compared and given to nobody, before the first step."""

    percent: Share = _SHADOW.percent
    """Share of the requests that is copied; 0 skips this."""
    requests: _Calls = _SHADOW.requests
    """So many answers are compared."""
    min_agreement_percent: Share = _SHADOW.min_agreement * 100
    """Fewer that agree roll the version back; 0 only counts."""


class ToleranceRules(Part):
    """How far a number may be from stable's: the sum of both; ``equal`` is 0 and 0."""

    absolute: _Distance = DEFAULT_TOLERANCE.absolute
    """In the output's own unit."""
    relative: _Distance = DEFAULT_TOLERANCE.relative
    """Times the magnitude of stable's number."""


def _equal(value: object) -> object:
    if isinstance(value, dict):
        return value
    if value != "equal":
        message = "must be equal, or a mapping with absolute and relative"
        raise ValueError(message)
    return {"absolute": 0.0, "relative": 0.0}


class ThresholdRange(Part):
    """Where a metric must stay."""

    min: Percent | None = None
    """For ``request-success-rate``: least percent of calls that succeed."""
    max: Milliseconds | None = None
    """For ``request-duration``: one call in a hundred may take longer, milliseconds."""


def _none(value: object) -> object:
    return None if value == "none" else value


class MetricRule(Part):
    """What one metric of the new version must keep; else it is rolled back."""

    name: Literal["request-success-rate", "request-duration"]
    """Which metric; each may be given once, and holds by its defaults if it is not."""
    threshold_range: ThresholdRange = ThresholdRange()
    """Where it must stay."""
    max_ratio: Annotated[_Ratio | None, BeforeValidator(_none)] = _JUDGE.max_duration_ratio
    """Most that durations may be of stable's over the same time; ``none`` does not compare them."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        limits, compares = self.threshold_range, "max_ratio" in self.model_fields_set
        message = ""
        if self.name == "request-success-rate":
            if limits.max is not None or compares:
                message = f"{self.name} has a threshold_range.min, no max and no max_ratio"
            elif limits.min is None:
                message = f"{self.name} needs threshold_range: {{min: PERCENT}}"
        elif limits.min is not None:
            message = f"{self.name} has a threshold_range.max, no min"
        elif limits.max is None and not compares:
            message = f"{self.name} needs threshold_range: {{max: MILLISECONDS}} or max_ratio"
        if message:
            raise ValueError(message)
        return self


class VerificationRules(Part):
    """What a version must show in a server of its own, before it is loaded beside the live one."""

    max_duration_ratio: _Ratio = _VERIFICATION.max_duration_ratio
    """Most that its durations may be of the live version's."""
    max_memory_ratio: _Ratio = _VERIFICATION.max_memory_ratio
    """Most that its memory may be of the live version's."""
    load_timeout_s: Seconds = _VERIFICATION.load_timeout_s
    """What has not loaded by then is killed and rejected."""


def _ascending(weights: list[float]) -> list[float]:
    for before, after in itertools.pairwise(weights):
        if after <= before:
            message = f"must rise from step to step: {after:g} comes after {before:g}"
            raise ValueError(message)
    return weights


def _once(metrics: list[MetricRule]) -> list[MetricRule]:
    names = [one.name for one in metrics]
    for name in names:
        if names.count(name) > 1:
            message = f"{name} is given twice"
            raise ValueError(message)
    return metrics


class CanaryRules(Part):
    """How a new version of the model is tried out."""

    isolation: Literal["same_server", "own_server"] = "same_server"
    """Where it runs until it is promoted: beside the live version, or in a tritonserver apart."""
    sticky: Annotated[StickyRules, BeforeValidator(_by_word)] = StickyRules()
    """Requests that are alike in this get the same version."""
    shadow: ShadowRules = ShadowRules()
    """Copies of requests before the first step."""
    compare: dict[Name, Annotated[ToleranceRules, BeforeValidator(_equal)]] = Field(
        default_factory=dict
    )
    """By output: when two answers agree; texts and truth values do if they are equal."""
    step_weights: Annotated[
        list[_Weight], Field(min_length=1, max_length=100), AfterValidator(_ascending)
    ] = Field(default=list(DEFAULT_CANARY.step_weights))
    """Percent of the requests that it answers, step by step; all of them after the last."""
    max_weight: _Weight = DEFAULT_CANARY.max_weight
    """No step goes beyond; if not set, the last of ``step_weights``."""
    interval_s: Seconds = DEFAULT_CANARY.interval_s
    """A step lasts as long at least."""
    minimum_samples: _Calls = DEFAULT_CANARY.minimum_samples
    """And until so many calls have been judged in it, and after the last: no traffic, no health."""
    bake_time_s: _BakeTime = DEFAULT_CANARY.bake_time_s
    """After the last step the version before stays loaded so long, to take over at once."""
    metrics: Annotated[list[MetricRule], AfterValidator(_once)] = Field(default_factory=list)
    """What it is judged by, call by call."""
    error_rate_percent: _ErrorRate = _JUDGE.error_rate * 100
    """Chance that a version exactly as good as the live one is rolled back."""
    verification: VerificationRules = VerificationRules()
    """What it must show before all that."""

    @property
    def most_weight(self) -> float:
        """The greatest weight: the default of ``max_weight`` gives way to steps that are said."""
        if {"max_weight", "step_weights"} & self.model_fields_set == {"step_weights"}:
            return self.step_weights[-1]
        return self.max_weight
