"""Merging what several gateways have learned."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from control.core.findings import Findings
from control.core.tensors import InferRequest
from control.core.violations import Violation
from control.learning.merging import merge_versions
from control.learning.sketches import count_of
from control.learning.summary import VersionSummary
from control.learning.version import LearnedVersion
from tests.learning.made_requests import Spec, numbers, request, texts, view_of

INPUTS: Mapping[str, Spec] = {"X": ("FP32", [-1]), "T": ("BYTES", [-1])}


def learned(
    requests: Sequence[InferRequest], inputs: Mapping[str, Spec] = INPUTS
) -> VersionSummary:
    """What one gateway has learned of some requests."""
    version = LearnedVersion(view_of(inputs))
    for number, one in enumerate(requests):
        version.count(one, 100 + number)
        version.sketch(one, None, 0.0)
    return version.summary()


REQUESTS = st.lists(
    st.builds(
        lambda xs, ts, t: request(numbers("X", "FP32", xs), texts("T", ts), t=t),
        st.lists(st.integers(-3, 3) | st.floats(-9, 9, width=32), max_size=5),
        st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=3),
        st.integers(0, 9),
    ),
    max_size=12,
)


@given(REQUESTS, REQUESTS)
def test_two_gateways_know_what_one_would(
    first: list[InferRequest], second: list[InferRequest]
) -> None:
    """Counts add up, extremes are the wider, kinds and fractions are those of all requests."""
    merged = merge_versions([learned(first), learned(second)])
    both = learned(first + second)
    assert (merged.requests, merged.sketched) == (both.requests, both.sketched)
    assert merged.parameters == both.parameters
    assert merged.inputs.keys() == both.inputs.keys()
    for name, one in merged.inputs.items():
        other = both.inputs[name]
        assert one.fractional == other.fractional
        assert one.requests == other.requests
        assert one.features.keys() == other.features.keys()
        for feature, summary in one.features.items():
            assert count_of(summary) == count_of(other.features[feature])
            assert (summary.low, summary.high) == (
                other.features[feature].low,
                other.features[feature].high,
            )


def test_kinds_are_merged_where_all_know_them() -> None:
    """One gateway that has given up makes the list unknown."""
    few = learned([request(texts("T", ["a", "b"]))])
    more = learned([request(texts("T", ["b"]))])
    none = learned([request(texts("T", ["x" * 99]))])
    assert merge_versions([few, more]).inputs["T"].distinct == [("a", 1), ("b", 2)]
    assert merge_versions([few, none]).inputs["T"].distinct is None


def test_another_input_of_the_same_name_is_left_out() -> None:
    """A version that was loaded anew with other inputs is not mixed with its past."""
    old = learned([request(numbers("X", "FP32", [900.0]))])
    new = learned([request(numbers("X", "INT64", [1]))], {"X": ("INT64", [-1])})
    merged = merge_versions([old, new])
    assert merged.inputs["X"].datatype == "INT64"
    assert merged.inputs["X"].features["values"].high == 1


def test_breaches_add_up() -> None:
    """A rule that requests broke on two gateways was broken by all of them."""
    version = LearnedVersion(view_of(INPUTS))
    broken = Findings(violations=[Violation(f"inputs.T[{n}]", "pattern", "x", "y") for n in (1, 2)])
    for _ in range(3):
        version.sketch(request(), broken, 0.0)
    merged = merge_versions([version.summary(), version.summary()])
    assert merged.breaches == {"inputs.T pattern": 6}
