"""All that is learned of one version."""

from collections.abc import Mapping

import msgspec
from hypothesis import given, settings

from control.core.contract import check_request
from control.core.findings import Findings
from control.core.tensors import InferRequest
from control.learning.merging import merge_versions
from control.learning.summary import VersionSummary
from control.learning.version import LearnedVersion
from tests.learning.made_requests import Spec, request, texts, view_of
from tests.learning.odd_requests import learnable


@settings(max_examples=300, deadline=None)
@given(learnable())
def test_no_request_that_passes_is_too_odd_to_learn_from(
    made: tuple[dict[str, Spec], int, InferRequest, Findings],
) -> None:
    """Any bits, any shape, empty ones too: learning never fails, so it costs nobody an answer."""
    specs, max_batch_size, one, findings = made
    view = view_of(specs, max_batch_size)
    assert check_request(view.contract, one) == []
    version = LearnedVersion(view)
    for place in (0.0, 0.999):
        version.count(one, 100)
        version.sketch(one, findings, place)
    summary = version.summary()
    assert (summary.requests, summary.sketched) == (2, 2)
    packed = msgspec.msgpack.encode(summary)
    assert msgspec.msgpack.decode(packed, type=VersionSummary) == summary
    assert merge_versions([summary, summary]).requests == 4


def test_inputs_beyond_the_bound_are_not_learned() -> None:
    """A model with a thousand inputs takes no more memory than one with a few dozen."""
    inputs: Mapping[str, Spec] = {f"I{number}": ("BYTES", [1]) for number in range(1000)}
    version = LearnedVersion(view_of(inputs))
    for number in range(1000):
        version.sketch(request(texts(f"I{number}", ["x"])), None, 0.0)
    assert len(version.summary().inputs) == 32


def test_inputs_that_nobody_sends_are_absent() -> None:
    """An optional input without requests is not reported as empty."""
    version = LearnedVersion(view_of({"A": ("BYTES", [1]), "B": ("BYTES", [1])}))
    version.sketch(request(texts("A", ["x"])), None, 0.0)
    assert version.summary().inputs.keys() == {"A"}
