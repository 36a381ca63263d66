"""The keys of ``contract.yaml`` about failing calls, and about answers that are kept.

Names and defaults are those of ``core.protection``, in milliseconds where that counts seconds.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StrictBool, model_validator

from control.contracts.parts import Milliseconds, Part, Percent, Seconds, Share
from control.core.protection import BreakerPolicy, RetryPolicy, WindowType

_BREAKER: Final = BreakerPolicy()
_RETRIES: Final = RetryPolicy()

_Calls = Annotated[int, Field(ge=1, le=10_000, strict=True)]
_Few = Annotated[int, Field(ge=0, le=1000, strict=True)]


class BreakerRules(Part):
    """When calls of a version are no longer tried, and how they are tried again."""

    failure_rate_threshold: Percent = _BREAKER.failure_rate_threshold
    """Percent of failed calls that opens the breaker."""
    slow_call_rate_threshold: Percent = _BREAKER.slow_call_rate_threshold
    """Percent of slow calls that opens it."""
    slow_call_duration_ms: Milliseconds = _BREAKER.slow_call_duration_s * 1000
    """From here on a call is slow."""
    sliding_window_type: Literal["count_based", "time_based"] = "count_based"
    """Judge the last calls, or the calls of the last seconds."""
    sliding_window_size: _Calls = _BREAKER.sliding_window_size
    """Calls or seconds in the window."""
    minimum_number_of_calls: _Calls = _BREAKER.minimum_number_of_calls
    """Fewer calls are not judged; no more than a window of calls holds where not set."""
    wait_duration_in_open_state_ms: Milliseconds = _BREAKER.wait_duration_in_open_state_s * 1000
    """How long an open breaker refuses all calls."""
    permitted_number_of_calls_in_half_open_state: _Calls = (
        _BREAKER.permitted_number_of_calls_in_half_open_state
    )
    """Calls that are tried then."""
    max_wait_duration_in_half_open_state_ms: Milliseconds = (
        _BREAKER.max_wait_duration_in_half_open_state_s * 1000
    )
    """Without a verdict on them by then, it opens again."""

    @property
    def least_calls(self) -> int:
        """How many calls are judged; the default gives way to a smaller window of calls."""
        if self.is_counted and "minimum_number_of_calls" not in self.model_fields_set:
            return min(self.minimum_number_of_calls, self.sliding_window_size)
        return self.minimum_number_of_calls

    @property
    def is_counted(self) -> bool:
        """Whether the window holds calls, not seconds."""
        return self.sliding_window_type == WindowType.COUNT_BASED.value

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.is_counted and self.least_calls > self.sliding_window_size:
            message = (
                f"minimum_number_of_calls {self.minimum_number_of_calls} is greater than"
                f" sliding_window_size {self.sliding_window_size}: nothing would ever be judged"
            )
            raise ValueError(message)
        return self


class RetryRules(Part):
    """Sending a failed request again."""

    num_retries: Annotated[int, Field(ge=0, le=10, strict=True)] = _RETRIES.num_retries
    """Most tries after the first."""
    per_try_timeout_ms: Milliseconds | None = None
    """Time for one try; if not set, all that is left."""
    hedge_on_per_try_timeout: StrictBool = _RETRIES.hedge_on_per_try_timeout
    """Let the first try go on beside the second; the first good answer counts."""
    budget_percent: Share = _RETRIES.budget_percent
    """Most retries at once, as percent of the requests in flight."""
    min_retry_concurrency: _Few = _RETRIES.min_retry_concurrency
    """Retries at once that are allowed however few requests there are."""

    @model_validator(mode="after")
    def _hedged_in_time(self) -> Self:
        if self.hedge_on_per_try_timeout and self.per_try_timeout_ms is None:
            message = "hedge_on_per_try_timeout needs per_try_timeout_ms: when to hedge"
            raise ValueError(message)
        if self.hedge_on_per_try_timeout and not self.num_retries:
            message = "hedge_on_per_try_timeout needs num_retries of 1 or more: a hedge is one"
            raise ValueError(message)
        return self


class CacheRules(Part):
    """Keeps answers of a deterministic model."""

    ttl_s: Seconds
    """How long an answer is as good as a new one."""
    per_tenant: StrictBool = False
    """Give a tenant no answer that another has paid for."""
