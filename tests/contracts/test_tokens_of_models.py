"""The token counts of the example models, held to their own tokenizers."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from control.contracts.engines import TokenCounter
from tests.contracts.strings import mixed_strings

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
FILES = sorted(REPOSITORY.glob("*/*/weights/tokenizer.json"))
COUNT = 1000

pytestmark = pytest.mark.weights


def test_there_are_tokenizers():
    """The example repository has models that count tokens."""
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda one: str(one.relative_to(REPOSITORY)))
def test_counts_are_those_of_the_models_tokenizer(file):
    """Of a thousand texts in all scripts each has as many tokens as its model would see."""
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = mixed_strings(COUNT)
    assert len(set(texts)) > COUNT - 50
    counts = TokenCounter(file.read_bytes()).count(texts)
    assert counts == [len(tokenizer.encode(one).ids) for one in texts]
    assert max(counts) > 500


@pytest.mark.parametrize("limit", [2, 3, 16, 64])
@pytest.mark.parametrize("file", FILES[:1], ids=lambda one: str(one.relative_to(REPOSITORY)))
def test_cuts_leave_the_first_tokens(file, limit):
    """A cut text has exactly the limit, and its tokens are the first of the whole text's."""
    counter = TokenCounter(file.read_bytes())
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    room = limit - counter.least
    exact = 0
    for text in mixed_strings(COUNT):
        cut = counter.cut(text, limit)
        whole = tokenizer.encode(text, add_special_tokens=False)
        kept = tokenizer.encode(cut, add_special_tokens=False)
        assert text.startswith(cut)
        assert kept.ids == whole.ids[: len(kept.ids)]
        assert len(kept.ids) <= room
        if len(whole.ids) <= room:
            assert cut == text
        elif room and whole.offsets[room - 1][1] <= whole.offsets[room][0]:
            assert len(kept.ids) == room
            exact += 1
    assert exact > COUNT / 10 or not room
