"""What is learned of made requests, and the contract proposed from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from hypothesis import strategies as st

from control.contracts.agreement import disagreements
from control.contracts.compile import compile_contract
from control.contracts.compiled import CompiledContract
from control.contracts.reading import read_document
from control.contracts.yaml_tree import parse_yaml
from control.core.contract import Contract
from control.core.findings import Findings
from control.core.tensors import InferRequest
from control.learning.merging import merge_versions
from control.learning.proposal import Proposal, propose
from control.learning.summary import VersionSummary
from control.learning.version import LearnedVersion
from control.learning.yaml_edit import edit_yaml
from tests.learning.made_requests import Spec, numbers, request, texts, view_of

INPUTS: Mapping[str, Spec] = {"X": ("FP32", [-1]), "N": ("INT32", [2]), "T": ("BYTES", [-1])}


def learned(
    requests: Sequence[InferRequest],
    inputs: Mapping[str, Spec] = INPUTS,
    max_batch_size: int = 0,
    rules: CompiledContract | None = None,
    body_bytes: int = 900,
) -> VersionSummary:
    """What is learned of some requests, each let pass by ``rules``."""
    version = LearnedVersion(view_of(inputs, max_batch_size))
    for one in requests:
        findings = rules.check_request(one, body_bytes) if rules else Findings()
        version.count(one, body_bytes)
        version.sketch(one, findings, 0.0)
    return merge_versions([version.summary()])


def proposed(
    summary: VersionSummary, contract: Contract, present: str = "", least: int = 1
) -> tuple[str, Proposal]:
    """The proposed file, which is a good contract, and how it came about."""
    found = propose(summary, contract, parse_yaml(present.encode(), "f").values, least)
    assert isinstance(found, Proposal)
    text = edit_yaml(present, parse_yaml(present.encode(), "f").values, found.changes)
    compiled(text, contract)
    return text, found


def compiled(text: str, contract: Contract) -> CompiledContract:
    """The file as the gateways would apply it."""
    document = read_document(parse_yaml(text.encode(), "f"))
    assert disagreements(document, contract) == []
    return compile_contract(document, contract, {}, "r")


def values_of(text: str) -> Any:
    """What a file says."""
    return yaml.safe_load(text)


WIDE = st.floats(width=32) | st.integers(-3, 3).map(float)
REQUESTS = st.lists(
    st.builds(
        lambda xs, ns, ts, parameters: request(
            numbers("X", "FP32", xs), numbers("N", "INT32", ns), texts("T", ts), **parameters
        ),
        st.lists(WIDE, max_size=6),
        st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=2),
        st.lists(st.text(max_size=9) | st.binary(max_size=9), max_size=4),
        st.dictionaries(
            st.sampled_from(["a", "b c", "priority"]),
            st.integers(0, 9) | st.floats(-1e9, 1e9) | st.booleans() | st.text(max_size=5),
        ),
    ),
    min_size=1,
    max_size=25,
)
