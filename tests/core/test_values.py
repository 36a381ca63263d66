"""Small pure parts: datatypes, element counts, version numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.datatypes import BYTES, DATATYPES, ELEMENT_BYTES, datatype_of_config
from control.core.tensors import element_count
from control.core.versions import UNKNOWN_VERSION, parse_version


@given(st.lists(st.integers(0, 2**70), max_size=8))
def test_element_counts_never_wrap(shape: list[int]) -> None:
    """A product beyond 64 bits is itself, not its remainder."""
    assert element_count(shape) == math.prod(shape)


def test_every_datatype_of_a_config_is_one_of_the_protocols() -> None:
    """A config's names are the protocol's with a prefix, but for strings."""
    for name in ELEMENT_BYTES:
        assert datatype_of_config(f"TYPE_{name}") == name
    assert datatype_of_config("TYPE_STRING") == BYTES
    assert frozenset(ELEMENT_BYTES) | {BYTES} == DATATYPES


@given(st.integers(0, 10**18 - 1))
def test_a_number_in_a_path_is_a_version(number: int) -> None:
    """Every number that a repository can hold is parsed as itself."""
    assert parse_version(str(number)) == number


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "+1", "1.0", " 1", "1 ", "²", "٣", "1" * 19, "0x1"]
)
def test_what_is_no_number_is_an_unknown_version(text: str) -> None:
    """Anything else is looked up, and found nowhere; nothing raises."""
    assert parse_version(text) == UNKNOWN_VERSION


def test_no_version_stays_none() -> None:
    """A path without a version pins none."""
    assert parse_version(None) is None
