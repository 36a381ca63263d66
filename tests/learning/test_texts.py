"""What is learned of texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import TensorSpec
from control.learning.share import Share, share_of
from control.learning.sketches import count_of
from control.learning.summary import InputSummary
from control.learning.texts import LearnedTexts
from tests.learning.made_requests import texts

ALL = share_of(1, 0.0)


def learned(*tensors: list[str | bytes], share: Share = ALL) -> InputSummary:
    """What is learned of some tensors."""
    one = LearnedTexts(TensorSpec("T", "BYTES", (-1,)))
    for tensor in tensors:
        one.note(texts("T", tensor), False, share)  # noqa: FBT003 - no batch
    return one.summary()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=48))
def test_lengths_are_those_of_the_texts(values: list[str]) -> None:
    """Bytes and characters of each text of a small tensor, exactly."""
    summary = learned([*values])
    lengths, chars = summary.features["bytes"], summary.features["chars"]
    sizes = [len(one.encode()) for one in values]
    counts = [len(one) for one in values]
    assert (lengths.low, lengths.high) == (min(sizes), max(sizes))
    assert (chars.low, chars.high) == (min(counts), max(counts))
    assert count_of(lengths) == count_of(chars) == len(values)
    assert summary.partly == summary.no_text == summary.uncounted == 0


def test_what_is_no_text_has_bytes_only() -> None:
    """A picture has no characters, and those of other elements say nothing any more."""
    summary = learned(["abc"], [b"\xff\xd8\xff"], ["defg"])
    assert summary.no_text == 1
    assert summary.features["chars"].high == 3
    assert summary.features["bytes"].high == 4
    assert summary.distinct is None


def test_a_giant_is_measured_without_being_read() -> None:
    """Its bytes count; that its characters do not is said."""
    summary = learned(["a" * 70_000], ["b"])
    assert summary.uncounted == 1
    assert summary.features["bytes"].high == 70_000
    assert summary.features["chars"].high == 1


def test_many_texts_are_measured_in_part() -> None:
    """A large batch costs no more than a small one, and its lists of kinds are not trusted."""
    summary = learned(["x"] * 1000)
    assert count_of(summary.features["bytes"]) == ALL.texts
    assert summary.partly == 1
    assert summary.distinct is None


def test_texts_beyond_the_bytes_of_a_request_go_uncounted_for_this_request() -> None:
    """They are no giants: another time they may come first."""
    summary = learned(["a" * 40_000, "b" * 40_000])
    assert summary.partly == 1
    assert summary.uncounted == 0
    assert summary.features["bytes"].high == 40_000
    assert count_of(summary.features["chars"]) == 1


def test_kinds_are_short_and_few() -> None:
    """Names of kinds are counted, contents are not kept."""
    assert learned(["de", "en"], ["de"]).distinct == [("de", 2), ("en", 1)]
    assert learned(["de"], ["x" * 65]).distinct is None
    assert learned([str(n) for n in range(21)]).distinct is None


@pytest.mark.parametrize("counts", [[3, 9, 4], [5] * 500])
def test_tokens_are_those_that_the_check_counted(counts: list[int]) -> None:
    """Nothing is tokenized twice."""
    one = LearnedTexts(TensorSpec("T", "BYTES", (1,)))
    one.note(texts("T", ["a"]), False, ALL)  # noqa: FBT003
    one.note_tokens(counts, ALL)
    tokens = one.summary().features["tokens"]
    assert (tokens.low, tokens.high) == (min(counts), max(counts))
    assert count_of(tokens) <= ALL.texts


def test_an_empty_tensor_is_only_counted() -> None:
    """No text has no length."""
    summary = learned([])
    assert summary.requests == 1
    assert list(summary.features) == ["dim0"]
