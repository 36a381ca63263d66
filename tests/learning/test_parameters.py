"""What is learned of request parameters."""

from control.learning.parameters import LearnedParameters
from control.learning.summary import ParameterSummary


def test_types_ranges_and_lengths_are_learned() -> None:
    """Each parameter has the JSON types that came, its extremes, and its longest text."""
    learned = LearnedParameters()
    learned.note({"t": 1, "flag": True, "name": "abc"})
    learned.note({"t": 0.5, "name": "abcdef"})
    assert learned.summaries() == {
        "t": ParameterSummary({"integer": 1, "number": 1}, 0.5, 1),
        "flag": ParameterSummary({"boolean": 1}),
        "name": ParameterSummary({"string": 2}, longest=6),
    }


def test_what_triton_reads_itself_is_left_out() -> None:
    """Priorities and sequences are no business of a model's contract."""
    learned = LearnedParameters()
    learned.note({"priority": 1, "sequence_id": "x", "timeout": 5})
    assert learned.summaries() == {}
    assert not learned.more


def test_invented_names_take_no_memory() -> None:
    """A client that makes names up fills no more than a fixed number of places."""
    learned = LearnedParameters()
    for number in range(1000):
        learned.note({f"name{number}": 1})
    learned.note({"x" * 1000: 1})
    assert len(learned.summaries()) == 32
    assert learned.more


def test_a_request_with_a_thousand_parameters_is_read_in_part() -> None:
    """That there were more is known."""
    learned = LearnedParameters()
    learned.note({f"name{number}": 1 for number in range(1000)})
    assert len(learned.summaries()) == 32
    assert learned.more
