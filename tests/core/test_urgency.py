"""How urgent a request is."""

import pytest

from control.core.protection import Priority
from control.core.urgency import (
    lowered,
    priority_of_header,
    priority_of_parameter,
    timeout_of_header,
    timeout_of_parameter,
)


@pytest.mark.parametrize(
    ("text", "timeout_s"), [(b"1", 0.001), (b"250", 0.25), (b"999999999999", 1e9), (b"0", None)]
)
def test_a_header_gives_milliseconds(text: bytes, timeout_s: float | None) -> None:
    """Zero is no limit, as in Envoy."""
    found = timeout_of_header(text)
    assert found == timeout_s if timeout_s is None else found == pytest.approx(timeout_s)


@pytest.mark.parametrize("text", [b"", b"-1", b"1.5", b"1e3", b" 1", b"\xb2", b"1" * 13, b"abc"])
def test_a_header_that_is_no_number_is_refused(text: bytes) -> None:
    """A time that cannot be read is not guessed."""
    with pytest.raises(ValueError, match="whole milliseconds"):
        timeout_of_header(text)


@pytest.mark.parametrize(
    ("value", "timeout_s"), [(250_000, 0.25), (1, 1e-6), (0, None), (None, None), ("x", None)]
)
def test_the_parameter_gives_microseconds(value: object, timeout_s: float | None) -> None:
    """As Triton has it: zero is no limit."""
    assert timeout_of_parameter(value) == timeout_s


@pytest.mark.parametrize(
    ("text", "priority"),
    [(b"high", Priority.HIGH), (b" Normal ", Priority.NORMAL), (b"LOW", Priority.LOW)],
)
def test_a_priority_has_three_names(text: bytes, priority: Priority) -> None:
    """In any case."""
    assert priority_of_header(text) is priority


@pytest.mark.parametrize("text", [b"", b"1", b"urgent", b"highest"])
def test_other_names_of_priorities_are_refused(text: bytes) -> None:
    """A priority that nobody knows is not guessed."""
    with pytest.raises(ValueError, match="high, normal or low"):
        priority_of_header(text)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(0, None), (None, None), ("1", None), (1, Priority.HIGH), (2, Priority.NORMAL)]
    + [(level, Priority.LOW) for level in (3, 4, 2**64 - 1)],
)
def test_tritons_levels_are_ours_from_the_top(level: object, priority: Priority | None) -> None:
    """One is the highest, and what is below our lowest is our lowest."""
    assert priority_of_parameter(level) == priority


@pytest.mark.parametrize("priority", list(Priority))
def test_who_may_not_be_high_is_normal_at_best(priority: Priority) -> None:
    """The right to go first never changes what is not first."""
    assert lowered(priority, may_be_high=True) is priority
    assert lowered(priority, may_be_high=False) is max(priority, Priority.NORMAL)
