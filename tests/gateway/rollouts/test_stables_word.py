"""Stable asked once more for a canary's sake, and what its word is worth."""

from dataclasses import dataclass, field

import pytest

from control.core.access import Identity
from control.core.canary_time import TrialTimes
from control.core.judge_counts import CanaryEnd
from control.core.protection import Priority
from control.errors import DeadlineExceeded, ModelFailed, Overloaded
from control.gateway.answers import Given
from control.gateway.caller import Caller
from control.gateway.codec.triton_form import Answer
from control.gateway.observe import Observation
from control.gateway.rollouts.ends import Lost
from control.gateway.rollouts.stables_word import Asked, Word
from tests.gateway.conftest import make_view

ANSWER = Answer("identity", "1", "", None, [], b"{}", b"data")
FAILED = Lost(CanaryEnd.FAILURE, 1.0)
HUNG = Lost(CanaryEnd.FAILURE, 1.0, timed_out=True)


@dataclass
class Stable:
    """Remembers who has asked it."""

    callers: list[Caller] = field(default_factory=list)

    async def __call__(self, caller: Caller) -> Given:
        self.callers.append(caller)
        return Given(ANSWER)


@pytest.mark.parametrize("priority", list(Priority))
async def test_it_stands_in_line_among_the_requests(priority: Priority) -> None:
    """A busy stable answers nobody who lets all others go first. It is in nobody's numbers."""
    stable, seen = Stable(), Observation("id", "identity", 10, 100.0)
    caller = Caller(seen, Identity("me", "acme", frozenset()), priority, 102.0)
    asked = Asked(stable, caller, make_view(), TrialTimes(100.0, 101.0, 101.0, 105.0), 10)
    word = await asked.again(0.01)
    (asker,) = stable.callers
    assert asker.priority is Priority.NORMAL
    assert asker.seen.is_copy
    assert asker.seen.is_rerouted
    assert asker.deadline_s - asker.seen.started_s == pytest.approx(2.0)
    assert not seen.is_copy
    assert word.judge(FAILED, 0.01) is CanaryEnd.FAILURE


def test_an_answer_is_kept_without_its_data() -> None:
    """It may be large, and nobody reads it."""
    word = Word.of_answer(Given(ANSWER), 0.4)
    assert word.given is not None
    assert not word.given.answer.binary
    assert word.judge(HUNG, 0.01) is CanaryEnd.FAILURE
    assert Word.of_answer(Given(ANSWER), 0.6).judge(HUNG, 0.01) is CanaryEnd.IGNORED


@pytest.mark.parametrize(
    ("error", "shows", "end"),
    [
        (ModelFailed("it raised"), True, CanaryEnd.UNCONFIRMED),
        (DeadlineExceeded("too late"), False, CanaryEnd.UNCONFIRMED),
        (Overloaded("full", retry_after_s=1), False, CanaryEnd.IGNORED),
    ],
)
def test_what_an_error_says(error: Exception, shows: bool, end: CanaryEnd) -> None:
    """For want of time or room stable shows nothing, and is asked once more."""
    word = Word.of_error(error, 0.1)
    assert word.shows is shows
    assert word.judge(FAILED, 0.01) is end
    assert word.judge(Lost(CanaryEnd.CRASH, 0.1), 0.01) is CanaryEnd.CRASH


def test_a_kept_answer_shows_nothing() -> None:
    """All may have been well with both when it was given."""
    assert not Word.of_answer(Given(ANSWER, ((b"seawall-cache", b"hit"),)), 0.0).shows
