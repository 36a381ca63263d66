"""Changes to a file that an author has written."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from control.contracts.yaml_tree import parse_yaml
from control.learning.changes import MISSING, Change, apply
from control.learning.yaml_edit import edit_yaml

WRITTEN = """\
# The author's words.
mode: enforce   # strict

limits: {request_bytes: 65536}
inputs:
  TEXT:
    max_chars: 4000   # a page
    pattern: '[a-z]+'
    json_schema:
      type: object
      title: |
        one
        two

  # about X
  X: {min: -1, max: 1,
      finite: true}
outputs:
"""


def edited(text: str, *changes: Change) -> str:
    """The text after the changes, which say what they must."""
    present = parse_yaml(text.encode(), "f").values
    result = edit_yaml(text, present, changes)
    assert parse_yaml(result.encode(), "f").values == apply(present, changes)
    return result


def test_no_change_changes_nothing() -> None:
    """A file is the author's, byte for byte."""
    assert edited(WRITTEN) == WRITTEN


def test_a_new_key_stands_last_in_its_mapping() -> None:
    """Everything else stays where and as it was, comments included."""
    text = edited(WRITTEN, Change(("inputs", "TEXT", "min_chars"), 1))
    assert text.replace("    min_chars: 1\n", "") == WRITTEN
    assert "        two\n    min_chars: 1\n\n  # about X" in text


def test_a_mapping_in_braces_stays_in_braces() -> None:
    """Its entries are written anew on one line."""
    text = edited(WRITTEN, Change(("limits", "batch"), 8))
    assert "limits: {request_bytes: 65536, batch: 8}\n" in text
    assert text.replace(", batch: 8", "") == WRITTEN


def test_a_contradiction_is_said_above_the_line() -> None:
    """The value is changed in place, and its comment stays."""
    change = Change(
        ("inputs", "TEXT", "max_chars"), 5000, "max_chars was 4000: up to 4500 was seen"
    )
    text = edited(WRITTEN, change)
    assert "    # max_chars was 4000: up to 4500 was seen\n    max_chars: 5000   # a page\n" in text


def test_what_is_taken_out_stays_as_a_comment() -> None:
    """A reviewer sees every line that no longer holds."""
    text = edited(
        WRITTEN, Change(("inputs", "TEXT", "json_schema"), MISSING, "2 requests broke it")
    )
    assert "    # 2 requests broke it\n    # json_schema:\n    #   type: object\n" in text
    assert "max_chars: 4000   # a page" in text


def test_a_contradiction_in_braces_is_said_above_them() -> None:
    """There is no room for a comment inside."""
    text = edited(WRITTEN, Change(("inputs", "X", "finite"), MISSING, "finite was true: no"))
    assert "  # about X\n  # finite was true: no\n  X: {min: -1, max: 1}\n" in text


def test_a_new_part_stands_after_a_blank_line() -> None:
    """Whole new mappings are written in lines, lists on one."""
    text = edited(WRITTEN, Change(("drift", "inputs", "X", "values"), [0.5, 2]))
    assert text == WRITTEN + "\ndrift:\n  inputs:\n    X:\n      values: [0.5, 2]\n"


def test_a_key_without_a_value_gets_one() -> None:
    """``outputs:`` alone is a mapping that is not there yet."""
    text = edited(WRITTEN, Change(("outputs", "Y", "min"), 0))
    assert text == WRITTEN + "  Y:\n    min: 0\n"


@pytest.mark.parametrize("text", ["", "# nothing but this\n", "{}\n", "mode: observe"])
def test_a_file_that_says_nothing_gets_it_all(text: str) -> None:
    """An empty file, and one without a last line end, are files too."""
    change = Change(("inputs", "odd: name", "values"), ["yes", "1", "a, b", "2020-01-01"])
    assert text.rstrip("\n{}") in edited(text, change)


@pytest.mark.parametrize(
    "text",
    [
        "inputs: &a\n  X: &b {min: 1}\n  Y: *b\n",
        "? inputs\n: X:\n    min: 1\n",
        "inputs: {X: {values: ['a\n  b', c]}}\n",
    ],
)
def test_what_cannot_be_edited_is_written_anew(text: str) -> None:
    """The content is right even where the layout is lost; contradictions are said all the same."""
    change = Change(("inputs", "X", "min"), 0, "min was 1: down to 0 was seen")
    assert "# min was 1: down to 0 was seen" in edited(text, change)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
NAMES = st.sampled_from(["a", "b", "c d", "e:f", "yes", "[g", "é"])
TREES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=3),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)


@given(
    st.dictionaries(NAMES, TREES, max_size=4),
    st.lists(
        st.builds(Change, PATHS, SCALARS | st.lists(SCALARS) | st.just(MISSING), st.just("why")),
        max_size=4,
        unique_by=lambda change: change.path[0],
    ),
    st.sampled_from([True, False, None]),
)
def test_every_file_gets_what_it_must_say(
    values: dict[str, Any], changes: list[Change], flow: bool | None
) -> None:
    """Whatever stands in a file, in whatever style, the result says exactly what it must."""
    text = yaml.safe_dump(values, default_flow_style=flow, allow_unicode=True)
    edited(text, *changes)
