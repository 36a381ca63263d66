"""What holds of the changes between any two contract files."""

from hypothesis import given
from hypothesis import strategies as st

from control.contracts.contract_changes import diff_rules
from control.contracts.document import ContractDocument
from control.core.contract_diff import ContractDiff

NUMBERS = st.integers(-3, 3)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "min": NUMBERS,
        "finite": st.booleans(),
        "integer": st.booleans(),
        "values": st.lists(NUMBERS, min_size=1, max_size=3),
        "min_bytes": st.integers(0, 3),
        "max_chars": st.integers(0, 3),
        "pattern": st.sampled_from(["a", "b"]),
        "dims": st.lists(st.sampled_from([-1, 1, {"max": 2}]), min_size=1, max_size=1),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["enforce", "observe"]),
        "limits": st.fixed_dictionaries({}, optional={"batch": st.integers(1, 4)}),
        "inputs": st.dictionaries(st.sampled_from("AB"), TENSORS),
        "outputs": st.dictionaries(st.sampled_from("AB"), TENSORS),
        "other_parameters": st.sampled_from(["allow", "reject"]),
        "parameters": st.dictionaries(
            st.sampled_from("pq"),
            st.fixed_dictionaries(
                {"type": st.sampled_from(["integer", "number", "string"])},
                optional={"required": st.booleans(), "min": NUMBERS},
            ),
        ),
        "rules": st.fixed_dictionaries(
            {},
            optional={"same_length": st.lists(st.just(["A", "B"]) | st.just(["B", "C"]))},
        ),
    },
)


@given(DOCUMENTS)
def test_nothing_differs_from_itself(values):
    """A file that is written anew as it was is no change."""
    ContractDocument.model_validate(values)
    assert diff_rules(values, values) == ContractDiff()


@given(DOCUMENTS, DOCUMENTS)
def test_as_much_is_told_in_one_direction_as_in_the_other(live, new):
    """Each rule that differs is told once, whichever way the change goes."""
    there, back = diff_rules(live, new), diff_rules(new, live)
    counts = [len(one.breaking) + len(one.compatible) for one in (there, back)]
    assert counts[0] == counts[1]
    # What is compatible one way takes something away on the way back.
    assert len(there.compatible) <= len(back.breaking)
    assert len(back.compatible) <= len(there.breaking)


MONOTONE = {
    "max": [None, 5, 3, 0],
    "min": [None, -5, 0, 2],
    "max_bytes": [None, 5, 3],
    "min_bytes": [None, 1, 3],
    "finite": [None, True],
    "values": [None, [1, 2, 3], [1, 3], [3]],
}


@given(st.data(), st.sampled_from(sorted(MONOTONE)))
def test_swapping_turns_loosening_into_tightening(data, key):
    """For a rule with an order, from loose to tight, only the direction counts."""
    scale = MONOTONE[key]
    one, other = (data.draw(st.integers(0, len(scale) - 1)) for _ in range(2))
    rules = [{} if scale[n] is None else {key: scale[n]} for n in (one, other)]
    for side, breaks in (("inputs", other > one), ("outputs", other < one)):
        found = diff_rules(*({side: {"T": one_side}} for one_side in rules))
        assert (bool(found.breaking), bool(found.compatible)) == (
            breaks,
            one != other and not breaks,
        )
