"""What makes two requests the same."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import Contract
from control.core.protection import Override
from control.core.request_key import in_sequence, is_heavy, spell_request, spell_version
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest, Parameter, RequestedOutput, Tensor

#: The characters that spellings themselves are made of.
TEXTS = st.text("a1:;,[]-bifs", max_size=4)
TENSORS = st.builds(
    Tensor, TEXTS, TEXTS, st.lists(st.integers(0, 12), max_size=3), st.binary(max_size=6)
)
PARAMETERS = st.dictionaries(
    TEXTS,
    st.booleans() | st.integers(-2, 12) | st.floats(allow_nan=False, width=16) | TEXTS,
    max_size=3,
)
OUTPUTS = st.builds(RequestedOutput, TEXTS, st.booleans(), st.integers(0, 12))
REQUESTS = st.builds(
    InferRequest,
    st.lists(TENSORS, max_size=3, unique_by=lambda one: one.name),
    st.lists(OUTPUTS, max_size=2, unique_by=lambda one: one.name),
    PARAMETERS,
    TEXTS,
    st.booleans(),
)
TENANTS = st.none() | TEXTS

EMPTY = Contract("m", 0, {}, {}, frozenset())
VIEW = VersionView("m", 1, True, True, "", EMPTY, b"{}", b'{"a":1}', b'{"b":2}')  # noqa: FBT003


def spelled(request: InferRequest, tenant: str | None = None) -> bytes:
    """A spelling in one piece."""
    return b"".join(spell_request(request, tenant))


def meaning(request: InferRequest, tenant: str | None) -> Any:
    """Everything that a model's answer may depend on, without order."""
    return (
        sorted((one.name, one.datatype, one.shape, one.data) for one in request.inputs),
        sorted((name, repr(value)) for name, value in request.parameters.items()),
        sorted((one.name, one.classification) for one in request.outputs),
        tenant,
    )


class Reader:
    """Reads a spelling back: what can be read in one way only is shared by no two requests."""

    def __init__(self, spelling: bytes) -> None:
        self.rest = spelling

    def take(self, count: int) -> bytes:
        """The next bytes."""
        taken, self.rest = self.rest[:count], self.rest[count:]
        assert len(taken) == count
        return taken

    def until(self, mark: bytes) -> str:
        """Everything before a mark."""
        text, found, self.rest = self.rest.partition(mark)
        assert found
        return text.decode()

    def number(self) -> int:
        """A number before a colon."""
        return int(self.until(b":"))

    def text(self) -> str:
        """A text after its length."""
        return self.take(self.number()).decode()

    def value(self) -> Parameter:
        """A value after its type."""
        match self.take(1):
            case b"b":
                return self.take(1) == b"1"
            case b"i":
                return int(self.until(b";"))
            case b"f":
                return float(self.until(b";"))
            case _:
                return self.text()

    def request(self) -> Any:
        """All that was spelled, as ``meaning`` gives it."""
        described = [
            (self.text(), self.text(), self.until(b"]"), self.number())
            for _ in range(self.number())
        ]
        parameters = [(self.text(), repr(self.value())) for _ in range(self.number())]
        outputs = [(self.text(), int(self.until(b";"))) for _ in range(self.number())]
        whose = self.text() if self.rest[:1] != b"-" else self.take(1) and None
        inputs = [
            (name, datatype, [int(dim) for dim in shape[1:].split(",") if dim], self.take(size))
            for name, datatype, shape, size in described
        ]
        assert self.rest == b""
        return inputs, parameters, sorted(outputs), whose


@given(REQUESTS, TENANTS)
def test_a_spelling_can_be_read_back(request: InferRequest, tenant: str | None) -> None:
    """There is one way to read it, so no other request has the same."""
    assert Reader(spelled(request, tenant)).request() == meaning(request, tenant)


@given(REQUESTS, TENANTS, REQUESTS, TENANTS)
def test_different_requests_are_spelled_differently(
    one: InferRequest, its_tenant: str | None, other: InferRequest, others_tenant: str | None
) -> None:
    """A spelling is shared by requests that mean the same, and by no others."""
    alike = spelled(one, its_tenant) == spelled(other, others_tenant)
    assert alike == (meaning(one, its_tenant) == meaning(other, others_tenant))


@given(REQUESTS, TENANTS, st.data())
def test_any_change_changes_the_spelling(
    request: InferRequest, tenant: str | None, data: st.DataObject
) -> None:
    """One part replaced is another request, unless the part is what it was."""
    part = data.draw(st.sampled_from(["inputs", "outputs", "parameters"]))
    changed: InferRequest = replace(request, **{part: getattr(data.draw(REQUESTS), part)})
    alike = spelled(request, tenant) == spelled(changed, tenant)
    assert alike == (meaning(request, tenant) == meaning(changed, tenant))


@given(REQUESTS, st.randoms(use_true_random=False))
def test_order_and_form_mean_nothing(request: InferRequest, random: Any) -> None:
    """Inputs, outputs and parameters in another order, under another id, are the same request."""
    items = list(request.parameters.items())
    inputs, outputs = list(request.inputs), [replace(one, binary=True) for one in request.outputs]
    for some in (items, inputs, outputs):
        random.shuffle(some)
    other = InferRequest(inputs, outputs, dict(items), "another id", binary_default=True)
    assert spelled(request) == spelled(other)


@pytest.mark.parametrize("name", ["timeout", "priority", "binary_data_output"])
def test_what_the_model_never_sees_is_left_out(name: str) -> None:
    """How long to wait for an answer, and in what form it comes, does not change it."""
    told = InferRequest([], parameters={name: 7, "top_k": 3})
    assert spelled(told) == spelled(InferRequest([], parameters={"top_k": 3}))


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (0.0, -0.0), ("1", 1), (0.1, 0.1 + 2**-56), ("", "-")]
)
def test_parameters_keep_their_types(one: Parameter, other: Parameter) -> None:
    """Values that Python calls equal are not the same to a model."""
    assert spelled(InferRequest([], parameters={"p": one})) != spelled(
        InferRequest([], parameters={"p": other})
    )


def test_bytes_are_bytes() -> None:
    """Two ways to write zero, or no number, are two requests."""
    zero, minus_zero = bytes(4), b"\0\0\0\x80"
    one, other = (InferRequest([Tensor("X", "FP32", [1], data)]) for data in (zero, minus_zero))
    assert spelled(one) != spelled(other)
    view = InferRequest([Tensor("X", "FP32", [1], memoryview(zero))])
    assert spelled(one) == spelled(view)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"version": 2},
        {"config_json": b'{"a":2}'},
        {"contract_json": b'{"b":3}'},
        {"config_json": b'{"a":1}{', "contract_json": b'"b":2}'},
        {"order": Override(cache_epoch=1)},
    ],
    ids=str,
)
def test_another_build_answers_otherwise(change: dict[str, Any]) -> None:
    """Whatever may change a version's answers changes its spelling, an operator's purge too."""
    assert spell_version(replace(VIEW, **change)) != spell_version(VIEW)


def test_health_changes_no_answers() -> None:
    """A version that was not ready for a while is the same version."""
    assert spell_version(replace(VIEW, ready=False, reason="dead")) == spell_version(VIEW)


def test_large_requests_are_heavy() -> None:
    """From a quarter of a mebibyte on, over all inputs, hashing is not for the event loop."""
    half = Tensor("A", "UINT8", [128 * 1024], bytes(128 * 1024))
    assert not is_heavy(InferRequest([half, half]))
    assert is_heavy(InferRequest([half, half, Tensor("B", "UINT8", [1], b"x")]))


def test_a_sequence_is_told_by_its_id() -> None:
    """An answer that depends on earlier requests is known by their common id."""
    assert in_sequence(InferRequest([], parameters={"sequence_id": 7}))
    assert not in_sequence(InferRequest([], parameters={"top_k": 3}))
    assert not in_sequence(InferRequest([]))
