"""Rules on texts: how long, in which encoding, and what they may say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.contracts.engines import JsonSchema, Pattern
from control.contracts.text_rules import TextRules, check_texts
from control.core.elements import pack_bytes

TEXTS = st.lists(st.text(max_size=9) | st.text("äß漢😀\u0301", max_size=9), max_size=6)
LIMITS = st.integers(0, 8)


def breaches(rules: TextRules, *elements: bytes) -> list[tuple[str, str]]:
    """Where which rule is broken."""
    found = check_texts(rules, pack_bytes(list(elements)), "T", "inputs.T").violations
    return [(one.path, one.rule) for one in found]


@settings(deadline=None)
@given(TEXTS, LIMITS, st.none() | LIMITS)
def test_bytes_are_counted_as_they_lie_there(elements, least, most):
    """A text of many-byte characters is as long as its bytes."""
    rules = TextRules(bytes_range=(least, most))
    data = [one.encode() for one in elements]
    found = check_texts(rules, pack_bytes(data), "T", "t").violations
    expected = []
    for place, element in enumerate(data):
        size = len(element)
        expected += [(f"t[{place}]", "min_bytes", least, size)] if size < least else []
        if most is not None and size > most:
            expected.append((f"t[{place}]", "max_bytes", most, size))
    assert [(one.path, one.rule, one.limit, one.got) for one in found] == expected


@settings(deadline=None)
@given(TEXTS, LIMITS, st.none() | LIMITS)
def test_characters_are_counted_as_python_counts_them(elements, least, most):
    """A character is a code point: an accent of its own is one too."""
    rules = TextRules(decode=True, chars_range=(least, most))
    found = check_texts(rules, pack_bytes([e.encode() for e in elements]), "T", "t").violations
    expected = []
    for place, text in enumerate(elements):
        if len(text) < least:
            expected.append((f"t[{place}]", "min_chars", least, len(text)))
        elif most is not None and len(text) > most:
            expected.append((f"t[{place}]", "max_chars", most, len(text)))
    assert [(one.path, one.rule, one.limit, one.got) for one in found] == expected


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from([b"\xff", b"\xc3", b"\x80"]))
def test_bytes_that_are_no_text_are_found_anywhere(before, after, bad):
    """The place of the first byte that is not UTF-8 is told."""
    element = before.encode() + bad + b"x" + after.encode()
    (found,) = check_texts(TextRules(decode=True), pack_bytes([element]), "T", "t").violations
    assert (found.path, found.rule, found.limit) == ("t[0]", "encoding", "utf-8")
    assert found.got == f"byte {len(before.encode())} is {bad[0]:#04x}"


@pytest.mark.parametrize(
    "element",
    [b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98", b"a\xe6\xbc"],
    ids=["surrogate", "overlong", "too large", "cut off", "cut off at the end"],
)
def test_what_only_looks_like_utf_8_is_refused(element):
    """Surrogates, overlong forms and cut characters crash models that trust their input."""
    assert breaches(TextRules(decode=True), element) == [("inputs.T[0]", "encoding")]


def test_any_bytes_pass_where_nothing_asks_for_text():
    """A model may take bytes that are no text."""
    assert breaches(TextRules(bytes_range=(0, 4)), b"\xff\xfe\x00") == []


def test_a_text_that_is_too_long_is_not_looked_at_further():
    """Its size alone may be meant to keep the later checks busy."""
    rules = TextRules(
        decode=True, bytes_range=(0, 3), pattern=Pattern("a"), values=frozenset({b"a"})
    )
    assert breaches(rules, b"\xff" * 4) == [("inputs.T[0]", "max_bytes")]
    assert breaches(rules, b"\xff" * 3) == [("inputs.T[0]", "encoding")]
    assert breaches(rules, b"bb") == [("inputs.T[0]", "values"), ("inputs.T[0]", "pattern")]


@pytest.mark.parametrize(
    ("pattern", "text", "good"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc\n", False),
        ("[a-z]+", "\nabc", False),
        ("abc", "abcabc", False),
        ("a|ab", "ab", True),
        ("(?s).*", "a\nb", True),
        (".*", "a\nb", False),
        ("(?i)straße", "STRAßE", True),
        (r"\p{Han}+", "漢字", True),
        (r"\p{Han}+", "漢a", False),
        (".", "😀", True),
        ("", "", True),
        ("[^\\x00]*", "a\0b", False),
    ],
)
def test_the_whole_text_must_match(pattern, text, good):
    """A pattern describes all of a text; a dot is a whole character."""
    assert Pattern(pattern).matches(text.encode()) == good


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*a){20}", "a{0,900}b", r"(\w+\s?)*!"])
def test_hostile_pairs_of_pattern_and_text_end(pattern):
    """What takes other engines for ever is answered, and rightly."""
    text = b"a" * 100_000
    assert Pattern(pattern).matches(text) == (pattern in {"(a+)+$", "(.*a){20}"})
    assert not Pattern(pattern).matches(text + b"?")


@pytest.mark.parametrize("pattern", ["(a", "a{2,1}", r"(a)\1", "(?=a)", "a**", "[z-a]", "a{99999}"])
def test_a_pattern_that_is_none_is_refused_with_the_reason(pattern):
    """Authors learn why, also of what would not run in linear time."""
    with pytest.raises(ValueError, match=r"is not a regular expression of RE2: .+"):
        Pattern(pattern)


def test_only_listed_texts_pass():
    """The list is shown to the client, in order."""
    rules = TextRules(values=frozenset({b"yes", b"no"}))
    found = check_texts(rules, pack_bytes([b"no", b"No", b"yes", b""]), "T", "t").violations
    assert [(one.path, one.limit, one.got) for one in found] == [
        ("t[1]", ["no", "yes"], "No"),
        ("t[3]", ["no", "yes"], ""),
    ]


def test_what_is_shown_of_texts_is_short():
    """Neither a long list nor long texts fill the answer."""
    values = frozenset(f"{n:04}{'x' * 500}".encode() for n in range(5000))
    rules = TextRules(values=values)
    (found,) = check_texts(rules, pack_bytes([b"\xff" * 5000]), "T", "t").violations
    assert isinstance(found.limit, list)
    assert isinstance(found.got, str)
    assert len(found.limit) == 64
    assert max(map(len, [*found.limit, found.got])) <= 67
    assert found.got.startswith("\ufffd")


def test_a_fault_within_a_text_s_json_has_its_place_there():
    """The path leads through the tensor into the document."""
    schema = JsonSchema({"properties": {"a": {"items": {"type": "integer"}}}})
    data = pack_bytes([b'{"a": [1]}', b'{"a": [1, "x"]}', b"{"])
    found = check_texts(TextRules(schema=schema), data, "T", "inputs.T").violations
    assert [(one.path, one.rule) for one in found] == [
        ("inputs.T[1].a[1]", "json_schema"),
        ("inputs.T[2]", "json_schema"),
    ]


def test_violations_of_one_input_are_bounded():
    """A hundred thousand bad texts are not a hundred thousand violations."""
    data = pack_bytes([b"x"] * 100_000)
    found = check_texts(TextRules(bytes_range=(2, None)), data, "T", "t").violations
    assert len(found) == 32


def test_every_text_of_a_tensor_is_looked_at():
    """Rows and columns are one list, row by row."""
    elements = [b"a"] * 30 + [b"b"]
    rules = TextRules(decode=True, pattern=Pattern("a"))
    assert breaches(rules, *elements) == [("inputs.T[30]", "pattern")]


def test_an_empty_tensor_has_no_texts():
    """There is nothing to complain about."""
    rules = TextRules(decode=True, bytes_range=(1, None), chars_range=(1, None))
    assert breaches(rules) == []
