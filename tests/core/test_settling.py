"""When a dropped folder is complete."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.rollout_facts import DropState
from control.core.settling import FolderFacts, Sighting, Sums, due_in_s, find, see

SETTLE_S = 2.0
#: How a folder looks at a few moments, and whether it has come by a rename just before.
LOOKS = st.lists(
    st.tuples(st.floats(0.01, 3.0), st.sampled_from("ab"), st.booleans()), min_size=1, max_size=30
)


@given(LOOKS)
def test_a_folder_is_complete_once_it_has_been_seen_still_or_came_whole(
    looks: list[tuple[float, str, bool]],
) -> None:
    """Exactly then: all looks of the last seconds were alike, or a rename was followed by none."""
    sighting, now_s = None, 0.0
    seen: list[tuple[float, str, bool]] = []
    for wait_s, activity, renamed_in in looks:
        now_s += wait_s
        seen.append((now_s, activity, renamed_in))
        sighting = see(sighting, activity, now_s, renamed_in=renamed_in)
        alike = []
        for one in reversed(seen):
            if one[1] != activity:
                break
            alike.append(one)
        is_whole = any(renamed for _, _, renamed in alike)
        is_still = now_s - alike[-1][0] >= SETTLE_S
        found = find(FolderFacts(sighting), SETTLE_S, now_s)
        assert (found.state is DropState.COMPLETE) == (is_whole or is_still)
        assert bool(found.reason) == (found.state is not DropState.COMPLETE)


@given(LOOKS)
def test_another_look_is_due_when_it_can_show_something(
    looks: list[tuple[float, str, bool]],
) -> None:
    """Just before that moment a folder is not complete, then it is; afterwards nothing is due."""
    sighting, now_s = None, 0.0
    for wait_s, activity, renamed_in in looks:
        now_s += wait_s
        sighting = see(sighting, activity, now_s, renamed_in=renamed_in)
        left_s = due_in_s(sighting, SETTLE_S, now_s)
        state = find(FolderFacts(sighting), SETTLE_S, now_s).state
        assert (left_s == inf) == (state is DropState.COMPLETE)
        if left_s < inf:
            later_s = now_s + left_s + 1e-9
            assert find(FolderFacts(sighting), SETTLE_S, later_s).state is DropState.COMPLETE


@pytest.mark.parametrize(
    ("sums", "fault", "writing", "still"),
    [
        (Sums.NONE, "", DropState.WRITING, DropState.COMPLETE),
        (Sums.UNREAD, "", DropState.WRITING, DropState.WRITING),
        (Sums.RIGHT, "", DropState.WRITING, DropState.COMPLETE),
        (Sums.ALL, "", DropState.COMPLETE, DropState.COMPLETE),
        (Sums.WRONG, "x is missing", DropState.WRITING, DropState.BROKEN),
        (Sums.NONE, "x is a FIFO", DropState.WRITING, DropState.BROKEN),
        (Sums.ALL, "x is a FIFO", DropState.WRITING, DropState.BROKEN),
    ],
)
def test_checksums_and_faults_count(
    sums: Sums, fault: str, writing: DropState, still: DropState
) -> None:
    """Right checksums of all files need no waiting; what is wrong may be mended until it rests."""
    facts = FolderFacts(Sighting("a", 0.0), sums, fault)
    assert find(facts, SETTLE_S, 1.0).state is writing
    assert find(facts, SETTLE_S, 2.0).state is still
    if fault:
        assert find(facts, SETTLE_S, 1.0).reason == fault


def test_checksums_that_cannot_be_read_are_waited_for_with_the_reason() -> None:
    """That is nothing that the version has done, and may pass; without such a list it is none."""
    still = Sighting("a", 0.0)
    found = find(FolderFacts(still, Sums.UNREAD, failure="x cannot be read"), SETTLE_S, 9.0)
    assert (found.state, found.reason) == (DropState.WRITING, "x cannot be read")
    found = find(FolderFacts(still, failure="x cannot be read"), SETTLE_S, 9.0)
    assert found.state is DropState.COMPLETE


def test_a_rename_counts_until_something_is_written() -> None:
    """A folder that came whole and is written to afterwards has to rest like any other."""
    whole = see(None, "a", 1.0, renamed_in=True)
    assert find(FolderFacts(whole), SETTLE_S, 1.0).state is DropState.COMPLETE
    touched = see(whole, "b", 1.5, renamed_in=False)
    assert find(FolderFacts(touched), SETTLE_S, 1.5).state is DropState.WRITING
