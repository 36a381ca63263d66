"""Retries: the budget, the back-off, and what is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.protection import RetryPolicy
from control.core.retries import Fault, RetryBudget, backoff_s, is_retriable

POLICIES = st.builds(
    RetryPolicy,
    budget_percent=st.floats(0.0, 100.0),
    min_retry_concurrency=st.integers(0, 5),
    base_interval_s=st.floats(0.001, 1.0),
    max_interval_s=st.floats(0.001, 10.0),
)


@given(POLICIES, st.lists(st.sampled_from(["come", "go", "begin", "end"]), max_size=200))
def test_no_retry_begins_beyond_the_budget(policy: RetryPolicy, steps: list[str]) -> None:
    """Over any comings and goings: what begins is within the share of those who are active."""
    budget = RetryBudget(policy)
    for step in steps:
        if step == "come":
            budget.active += 1
        elif step == "go" and budget.active:
            budget.active -= 1
        elif step == "end" and budget.under_way:
            budget.end()
        elif step == "begin":
            before = budget.under_way
            share = int(budget.active * policy.budget_percent / 100.0)
            most = max(policy.min_retry_concurrency, share)
            assert budget.try_begin() == (before < most)
            assert budget.under_way <= max(before, most)
    while budget.under_way:
        budget.end()
    assert budget.limit >= policy.min_retry_concurrency


def test_the_default_budget_is_envoys() -> None:
    """A fifth of the active requests, and three however few there are."""
    budget = RetryBudget(RetryPolicy())
    assert [budget.try_begin() for _ in range(4)] == [True, True, True, False]
    budget.active = 20
    assert [budget.try_begin() for _ in range(2)] == [True, False]
    budget.end()
    assert budget.try_begin()


@given(POLICIES, st.integers(1, 2000), st.floats(0.0, 1.0, exclude_max=True))
def test_a_backoff_is_within_its_bounds(policy: RetryPolicy, attempt: int, draw: float) -> None:
    """Full jitter: from nothing up to the doubled interval, and never beyond the longest."""
    longest_s = min(policy.base_interval_s * (2.0 ** min(attempt, 60) - 1), policy.max_interval_s)
    assert 0.0 <= backoff_s(policy, attempt, draw) <= longest_s
    assert backoff_s(policy, attempt, 0.0) == 0.0


def test_the_default_backoff_is_envoys() -> None:
    """25 ms, 75, 175, then 250 at most."""
    longest = [round(backoff_s(RetryPolicy(), attempt, 1.0), 6) for attempt in range(1, 6)]
    assert longest == [0.025, 0.075, 0.175, 0.25, 0.25]


def test_only_harmless_faults_are_tried_again() -> None:
    """Never a suspect, never what the client or Seawall has refused, never out of time."""
    assert {fault for fault in Fault if is_retriable(fault)} == {
        Fault.MODEL_FAILED,
        Fault.BAD_ANSWER,
        Fault.TRITON_FULL,
        Fault.CUT_SHORT,
    }
