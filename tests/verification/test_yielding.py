"""Verification leaves half of the cores to others."""

from hypothesis import given
from hypothesis import strategies as st

from control.verification.yielding import half_the_cores


def test_a_core_is_taken_with_all_its_threads() -> None:
    """As Linux numbers them on one machine and on another."""
    assert half_the_cores(range(8), lambda one: str(one % 4)) == {2, 3, 6, 7}
    assert half_the_cores(range(8), lambda one: str(one // 2)) == {4, 5, 6, 7}


def test_the_only_core_is_shared() -> None:
    """There is none else."""
    assert half_the_cores({5}, str) == {5}
    assert half_the_cores({5, 7}, lambda _: "5,7") == {5, 7}


@given(st.sets(st.integers(0, 255), min_size=2), st.integers(1, 128))
def test_whole_cores_are_left(processors: set[int], cores: int) -> None:
    """At most half of them, and one that others may use is never split."""

    def core(processor: int) -> str:
        return str(processor % cores)

    taken = half_the_cores(processors, core)
    everywhere = {core(one) for one in processors}
    used = {core(one) for one in taken}
    assert taken == {one for one in processors if core(one) in used}
    assert len(used) == (len(everywhere) + 1) // 2
