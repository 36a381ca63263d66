"""The restart budget."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.restarts import RestartBudget, next_restart_delay_s

BUDGETS = st.builds(
    RestartBudget,
    burst=st.integers(0, 5),
    window_s=st.floats(0.1, 100.0),
    base_delay_s=st.floats(0.01, 5.0),
    max_delay_s=st.floats(5.0, 60.0),
)
DEATHS = st.lists(st.floats(0.0, 100.0), max_size=40)


@given(BUDGETS, DEATHS)
def test_the_delay_is_bounded(budget: RestartBudget, deaths_s: list[float]) -> None:
    """However often a process dies, it is tried again within the longest delay."""
    assert 0.0 <= next_restart_delay_s(budget, deaths_s, 100.0) <= budget.max_delay_s


@given(BUDGETS, DEATHS, st.floats(0.0, 100.0))
def test_one_more_death_never_shortens_the_delay(
    budget: RestartBudget, deaths_s: list[float], died_s: float
) -> None:
    """The delay rises with the deaths."""
    before = next_restart_delay_s(budget, deaths_s, 100.0)
    assert next_restart_delay_s(budget, [*deaths_s, died_s], 100.0) >= before


@given(BUDGETS, DEATHS, st.floats(0.0, 1000.0))
def test_time_without_a_death_never_lengthens_the_delay(
    budget: RestartBudget, deaths_s: list[float], later_s: float
) -> None:
    """A process that lives earns its budget back."""
    now = next_restart_delay_s(budget, deaths_s, 100.0)
    assert next_restart_delay_s(budget, deaths_s, 100.0 + later_s) <= now
    assert next_restart_delay_s(budget, deaths_s, 201.0 + budget.window_s) == 0.0


def test_a_burst_is_free_and_then_each_wait_doubles() -> None:
    """Three restarts at once, then 1, 2, 4 … seconds, never more than 30."""
    delays = [next_restart_delay_s(RestartBudget(), [0.0] * n, 1.0) for n in range(1, 11)]
    assert delays == [0.0, 0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_thousand_deaths_are_no_overflow() -> None:
    """The doubling stops at the longest delay, not at the largest number."""
    assert next_restart_delay_s(RestartBudget(), [0.0] * 900, 1.0) == 30.0
