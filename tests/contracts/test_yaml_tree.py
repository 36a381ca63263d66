"""YAML as contract files may use it, and what is refused."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.contracts.faults import ContractBroken, Fault
from control.contracts.yaml_tree import MAX_FILE_BYTES, parse_yaml

FILE = "1/contract.yaml"


def fault(text: str | bytes) -> Fault:
    """The one fault of a file."""
    with pytest.raises(ContractBroken) as caught:
        parse_yaml(text if isinstance(text, bytes) else text.encode(), FILE)
    (only,) = caught.value.faults
    assert only.file == FILE
    return only


def values(text: str) -> object:
    """The values of a file."""
    return parse_yaml(text.encode(), FILE).values


def test_values_are_as_written():
    """Plain YAML gives plain values; keys are always words."""
    text = "a: [1, 2.5, yes, ~, 'yes', x y]\n1: {no: off}\n2024-01-01: 2024-01-01\nb: =\nc: <<\n"
    assert values(text) == {
        "a": [1, 2.5, True, None, "yes", "x y"],
        "1": {"no": False},
        "2024-01-01": "2024-01-01",
        "b": "=",
        "c": "<<",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e3", 1000.0), ("-1e-7", -1e-7), ("1E+2", 100.0), ("1.5e3", 1500.0), ("'1e3'", "1e3")],
)
def test_a_number_with_an_exponent_is_a_number(text, value):
    """Also without a point, as everybody but YAML 1.1 reads it."""
    assert values(f"a: {text}") == {"a": value}


def test_an_empty_file_says_nothing():
    """So does one with comments only, and a byte order mark is no content."""
    for text in ("", "# nothing\n", "---\n", "\ufeff# nothing"):
        assert values(text) == {}
    assert values("\ufeffa: 1") == {"a": 1}


def test_every_key_knows_its_line():
    """Of a key that is not there the nearest one above is told."""
    tree = parse_yaml(b"a:\n  b:\n    - c: 1\n\n    - c: 2\n  d: 3\n", FILE)
    assert tree.line_of(("a", "b", 1, "c")) == 5
    assert tree.line_of(("a", "d")) == 6
    assert tree.line_of(("a", "b", 7, "x", "y")) == 2
    assert tree.line_of(("z",)) == 1
    made = tree.fault(("a", "b", 1, "c"), "is wrong")
    assert str(made) == "1/contract.yaml:5: a.b[1].c: is wrong"


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a", "key 'a' is given twice"),
        ("a:\n  b: 1\n  'b': 2", 3, "a.b", "twice"),
        ("a: &x {b: 1}\nc:\n  <<: *x", 3, "c.<<", "merging (<<) is not allowed"),
        ("a: 1\n? [b]\n: 2", 2, "", "keys must be plain words"),
        ("'': 1", 1, "", "keys must be plain words"),
        ('"\\ud800": 1', 1, "", "keys must be plain words"),
        ('a: "\\udfff"', 1, "a", "half of a surrogate pair"),
        ("a: !!python/object:os.system x", 1, "a", "!!python/object:os.system is not allowed"),
        ("a: !!python/object/apply:os.system [x]", 1, "a", "only plain values"),
        ("a: !!python/name:os.system ''", 1, "a", "only plain values"),
        ("a: !mine {b: 1}", 1, "a", "!mine"),
        ("a: !!set {b}", 1, "a", "!!set"),
        ("a: !!binary aGk=", 1, "a", "!!binary"),
        ("a: !!int x", 1, "a", "is no int: 'x'"),
        ("a: !!int ''", 1, "a", "is no int"),
        ("a: !!float ''", 1, "a", "is no float"),
        ("a: !!bool perhaps", 1, "a", "is no bool: 'perhaps'"),
        (f"a: {'9' * 5000}", 1, "a", "is no int"),
        (f"a: 0x{'f' * 4000}", 1, "a", "is no int"),
        ("a: 1\n---\nb: 2", 2, "", "found another document"),
        ("a: 1\n- b", 2, "", "is not YAML"),
        ("a: [1", 1, "", "is not YAML"),
        ("a: *b", 1, "", "undefined alias 'b'"),
        ("a: b: c", 1, "", "mapping values are not allowed"),
        ("a:\n\t- b", 2, "", "'\\t'"),
        ("%YAML 9.9\n---\na: 1", 1, "", "is not YAML"),
        ("a: 1\nb: \0", 2, "", "U+0000"),
        ("a: \x1b[0m", 1, "", "U+001B"),
        ("a", 1, "", "must be a mapping"),
        ("- a", 1, "", "must be a mapping"),
        ("5", 1, "", "must be a mapping"),
        ("a: &x [*x]", 1, "", "more than 64 levels"),
        ("a: " + "[" * 80 + "]" * 80, 1, "", "more than 64 levels"),
        ("a: " + "[" * 5000, 0, "", "nested too deeply"),
    ],
)
def test_what_is_not_plain_is_refused(text, line, key, words):
    """Every fault names its line, its key, and what is wrong."""
    found = fault(text)
    assert (found.line, found.key) == (line, key)
    assert words in found.message
    assert "\n" not in found.message


def test_aliases_of_aliases_are_not_unfolded():
    """A few lines that mean billions of values are refused."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "unfolds to more than 50000 values" in fault("\n".join(lines)).message


def test_an_alias_is_as_good_as_what_it_stands_for():
    """Repeating a part by name is fine."""
    assert values("a: &x {b: [1]}\nc: *x") == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_bytes_that_are_no_text_are_refused():
    """The place of the first is told."""
    found = fault(b"a: 1\nb: \xff")
    assert (found.line, found.message) == (2, "is not UTF-8 at byte 8")


def test_a_file_that_is_too_large_is_not_parsed():
    """The limit and the size are told."""
    found = fault(b"#" * (MAX_FILE_BYTES + 1))
    assert found.message == "has 1048577 bytes, at most 1048576 are allowed"


def test_all_faults_are_told_at_once():
    """An author mends a file in one go; a hundred are enough."""
    text = "\n".join(f"a{n}: !!int x" for n in range(300))
    with pytest.raises(ContractBroken) as caught:
        parse_yaml(text.encode(), FILE)
    assert len(caught.value.faults) == 101
    assert caught.value.faults[41].line == 42
    assert str(caught.value.faults[-1]) == "1/contract.yaml: 200 more faults are not listed"


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_garbage_breaks_nothing_but_the_contract(data):
    """Whatever the bytes are, only ContractBroken is raised."""
    with contextlib.suppress(ContractBroken):
        assert isinstance(parse_yaml(data, FILE).values, dict)


SIGNS = [*"ab:-[]{}!&*#|>'\"%@`,?~=<1.\n\t ", "!!", ": ", "\n  "]


@settings(deadline=None)
@given(st.lists(st.sampled_from(SIGNS)))
def test_anything_that_looks_like_yaml_breaks_nothing_but_the_contract(pieces):
    """Whatever is made of YAML's own signs, only ContractBroken is raised."""
    with contextlib.suppress(ContractBroken):
        assert isinstance(parse_yaml("".join(pieces).encode(), FILE).values, dict)
