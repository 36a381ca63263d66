"""How long a try may take when another may follow, and who may stand in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import Contract
from control.core.fallback_plan import Blame, choose_stand_in, time_for_primary, time_for_try
from control.core.protection import Fallback, FallbackKind, Protection
from control.core.routes import Route
from control.core.snapshot import ModelView, VersionView

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


@pytest.mark.parametrize(
    ("step", "live", "chosen"),
    [
        (Fallback(FallbackKind.VERSION), {1, 2}, 2),
        (Fallback(FallbackKind.VERSION), {1}, 1),
        (Fallback(FallbackKind.VERSION, version=3), {1}, 3),
        (Fallback(FallbackKind.VERSION), set(), None),
    ],
)
def test_a_version_that_is_tried_out_stands_in_only_by_name(
    step: Fallback, live: set[int], chosen: int | None
) -> None:
    """A step that names no version takes the newest of those that are live."""
    contract = Contract("m", 0, {}, {}, frozenset())
    views = {
        number: VersionView("m", number, True, True, "", contract, b"{}", b"{}")  # noqa: FBT003
        for number in (1, 2, 3, 4)
    }
    models = {"m": ModelView("m", views, Route(4, frozenset({*live, 4})))}
    found = choose_stand_in(models, step, views[4], Blame.INNOCENT)
    assert (found and found.version) == chosen
