"""Counting and cutting with small tokenizers of every family."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from control.contracts.engines import TokenCounter
from control.contracts.text_rules import TextRules, TokenLimit, check_texts
from control.core.elements import pack_bytes, unpack_bytes
from tests.contracts.contract_files import (
    WORDS,
    byte_pairs,
    likely_pieces,
    with_baked_limits,
    word_pieces,
)
from tests.contracts.strings import mixed_strings

KINDS = {"word pieces": word_pieces, "byte pairs": byte_pairs, "likely pieces": likely_pieces}
LEAST = {"word pieces": 2, "byte pairs": 0, "likely pieces": 1}
TEXTS = (
    st.text(max_size=20)
    | st.text("heloarwd un", max_size=30)
    | st.lists(st.sampled_from([*WORDS, "unbelievable", "한", "é", "😀", "\u0301", "漢"])).map(
        " ".join
    )
)


def reference(file: bytes) -> Tokenizer:
    """A fresh tokenizer, as a model would load it to see whole texts."""
    tokenizer = Tokenizer.from_str(file.decode())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_those_of_the_tokenizer(kind):
    """Many texts at once are counted as each by itself."""
    file = KINDS[kind]()
    texts = mixed_strings(300)
    tokenizer = reference(file)
    assert TokenCounter(file).count(texts) == [len(tokenizer.encode(one).ids) for one in texts]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=TEXTS, limit=st.integers(2, 12))
def test_a_cut_text_is_a_beginning_within_the_limit(kind, text, limit):
    """Never above the limit, whatever the tokenizer does at the cut; a text that fits stays."""
    counter = TokenCounter(KINDS[kind]())
    cut = counter.cut(text, limit)
    assert text.startswith(cut)
    assert counter.count([cut])[0] <= limit
    if counter.count([text])[0] <= limit:
        assert cut == text


@settings(deadline=None)
@given(text=TEXTS, limit=st.integers(2, 12))
def test_word_pieces_are_cut_to_exactly_the_limit(text, limit):
    """The tokens that stay are the first ones; fewer only where a character is several tokens."""
    tokenizer = reference(word_pieces())
    whole = tokenizer.encode(text, add_special_tokens=False)
    cut = tokenizer.encode(TokenCounter(word_pieces()).cut(text, limit), add_special_tokens=False)
    room = limit - 2
    assert cut.ids == whole.ids[: len(cut.ids)]
    if len(whole.ids) > room > 0 and whole.offsets[room - 1][1] <= whole.offsets[room][0]:
        assert len(cut.ids) == room


@pytest.mark.parametrize("kind", KINDS)
def test_no_room_leaves_an_empty_text(kind):
    """Where special tokens take up the limit, nothing of the text stays."""
    counter = TokenCounter(KINDS[kind]())
    assert counter.cut("hello world", counter.least) == ""
    assert counter.count([""]) == [counter.least]
    assert counter.least == LEAST[kind]


def test_a_character_of_several_tokens_is_kept_whole_or_not_at_all():
    """An emoji of four byte tokens is not cut in the middle."""
    counter = TokenCounter(byte_pairs())
    assert counter.count(["😀"]) == [4]
    assert [counter.cut("😀😀", limit) for limit in (3, 4, 7, 8)] == ["", "😀", "😀", "😀😀"]


def test_what_is_baked_into_the_file_does_not_count():
    """A file that cuts at four tokens and pads to sixteen counts as one that does neither."""
    texts = ["", "hello", "hello world " * 20]
    assert len(Tokenizer.from_str(with_baked_limits(word_pieces()).decode()).encode("a").ids) == 16
    baked, plain = TokenCounter(with_baked_limits(word_pieces())), TokenCounter(word_pieces())
    assert baked.count(texts) == plain.count(texts) == [2, 3, 42]
    assert baked.cut(texts[2], 10) == plain.cut(texts[2], 10)


def broken_files() -> dict[str, bytes]:
    """Files that are no tokenizers, some only when they are used."""
    document = json.loads(word_pieces())
    no_unknown = json.loads(word_pieces())
    del no_unknown["model"]["vocab"]["[UNK]"]
    no_special = {**document, "post_processor": {**template(), "special_tokens": {}}}
    return {
        "empty": b"",
        "not JSON": b"\x00\xff",
        "another document": b'{"a": 1}',
        "a list": b"[]",
        "cut off": word_pieces()[:200],
        "no unknown token": json.dumps(no_unknown).encode(),
        "a template without its tokens": json.dumps(no_special).encode(),
    }


def template() -> dict[str, object]:
    """A post-processor that puts a special token before each text."""
    piece = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}
    rest = {"Sequence": {"id": "A", "type_id": 0}}
    tokens = {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}
    return {
        "type": "TemplateProcessing",
        "single": [piece, rest],
        "pair": [piece, rest],
        "special_tokens": tokens,
    }


@pytest.mark.parametrize("name", broken_files())
def test_a_file_that_cannot_count_is_refused(name):
    """Also where the library would only fail, or panic, at the first text."""
    with pytest.raises(ValueError, match=r"is not a tokenizer: .+"):
        TokenCounter(broken_files()[name])


def test_one_counter_serves_all_threads():
    """Counts from many threads at once are those of one."""
    counter = TokenCounter(word_pieces())
    texts = mixed_strings(60)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: counter.count(texts), range(32)))
    assert all(one == results[0] for one in results)


def checked(rules: TextRules, *elements: str | bytes):
    """Findings on one tensor."""
    data = [one.encode() if isinstance(one, str) else one for one in elements]
    return check_texts(rules, pack_bytes(data), "T", "inputs.T")


def test_too_many_tokens_are_refused_text_by_text():
    """Every text is counted, also the good ones; each that is too long is told."""
    limit = TokenLimit(TokenCounter(word_pieces()), 4)
    found = checked(TextRules(decode=True, tokens=limit), "hello world", "hello " * 9, "", "a a a")
    assert found.token_counts == [4, 11, 2, 5]
    assert [(one.path, one.rule, one.limit, one.got) for one in found.violations] == [
        ("inputs.T[1]", "max_tokens", 4, 11),
        ("inputs.T[3]", "max_tokens", 4, 5),
    ]
    assert found.data is None


def test_texts_are_cut_and_the_others_stay_as_they_are():
    """The new tensor has the same number of texts; what was cut is noted."""
    limit = TokenLimit(TokenCounter(word_pieces()), 4, cut=True)
    found = checked(TextRules(decode=True, tokens=limit), "  hello", "hello " * 9, "a\0 b")
    assert found.violations == []
    assert found.data is not None
    assert list(map(bytes, unpack_bytes(found.data))) == [b"  hello", b"hello hello", b"a\0 b"]
    assert [(one.input, one.element, one.limit, one.got) for one in found.truncations] == [
        ("T", 1, 4, 11)
    ]
    assert found.token_counts == [3, 4, 4]


def test_tokens_are_only_counted_where_there_is_no_limit():
    """A tokenizer without a limit breaks nothing and cuts nothing."""
    found = checked(TextRules(decode=True, tokens=TokenLimit(TokenCounter(word_pieces()))), "a a")
    assert (found.token_counts, found.violations, found.data) == ([4], [], None)


def test_a_text_with_another_fault_is_not_counted():
    """It has no tokens, and keeps its place among the counts."""
    limit = TokenLimit(TokenCounter(word_pieces()), 3, cut=True)
    rules = TextRules(decode=True, bytes_range=(0, 20), tokens=limit)
    found = checked(rules, b"\xff", "hello world", "hello " * 9)
    assert [one.rule for one in found.violations] == ["encoding", "max_bytes"]
    assert found.token_counts == [0, 3, 0]
    assert found.data is not None
    assert list(map(bytes, unpack_bytes(found.data))) == [b"\xff", b"hello", b"hello " * 9]
