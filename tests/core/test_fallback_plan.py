"""How long a try may take when another may follow."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.fallback_plan import time_for_primary, time_for_try
from control.core.protection import Fallback, FallbackKind, Protection

STEPS = st.lists(st.builds(Fallback, st.sampled_from(FallbackKind)), max_size=4).map(tuple)


@given(st.floats(0, 1e6), st.floats(-5, 3600), STEPS)
def test_a_try_leaves_time_for_those_that_need_it(
    now_s: float, left_s: float, rest: tuple[Fallback, ...]
) -> None:
    """A fifth of the time, a second at most, is kept for a call to come; else nothing is."""
    deadline_s = now_s + left_s
    until_s = time_for_try(deadline_s, now_s, rest)
    assert until_s == time_for_primary(deadline_s, now_s, Protection(fallbacks=rest))
    left_s = max(0.0, deadline_s - now_s)
    if any(step.calls_triton for step in rest):
        assert abs((deadline_s - until_s) - min(left_s / 5, 1.0)) < 1e-6
    else:
        assert until_s == deadline_s
    assert until_s <= deadline_s
