"""Verification leaves half of the cores to others."""

import math
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.verification.yielding import half_the_cores, processors_within
from tests.support.stack import ROOT

#: Steps back without privileges, and tells how it and what it starts get a processor.
STEP_BACK = """
import os, subprocess
from control.verification.yielding import have_go_last, step_back
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
step_back()
for goes_last in (True, False):
    child = subprocess.Popen(["sleep", "60"])
    if goes_last:
        have_go_last(child.pid)
    print(os.sched_getscheduler(0), os.sched_getscheduler(child.pid))
    child.kill()
    child.wait()
"""


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


@given(st.sets(st.integers(0, 255), min_size=2), st.integers(1, 128), st.integers(1, 300))
def test_no_more_are_taken_than_a_quota_allows(processors: set[int], cores: int, most: int) -> None:
    """Core by core, of the half that would be taken without it."""

    def core(processor: int) -> str:
        return str(processor % cores)

    half = half_the_cores(processors, core)
    taken = half_the_cores(processors, core, most)
    assert taken <= half
    assert len(taken) == min(most, len(half))
    split = [
        one
        for one in {core(each) for each in taken}
        if len({each for each in half if core(each) == one} - taken)
    ]
    assert len(split) <= 1


@pytest.mark.parametrize(
    ("quota", "most"),
    [(math.inf, None), (0.1, 1), (1.0, 1), (2.0, 1), (3.9, 1), (4.0, 2), (64, 32)],
)
def test_half_of_a_quota_is_left_to_others(quota: float, most: int | None) -> None:
    """As far as there are two processors in it."""
    assert processors_within(quota) == most


def test_a_share_that_may_be_wanted_is_never_given_up() -> None:
    """Without privileges there would be no way back to it: only the server is put last."""
    done = subprocess.run(
        [sys.executable, "-c", STEP_BACK], cwd=ROOT, check=True, capture_output=True, text=True
    )
    first, second = (tuple(map(int, line.split())) for line in done.stdout.splitlines())
    assert first == (os.SCHED_BATCH, os.SCHED_IDLE)
    assert second == (os.SCHED_BATCH, os.SCHED_BATCH)
