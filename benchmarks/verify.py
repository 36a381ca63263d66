"""Checks, before anything is timed, that targets answer with the tensors that Triton gives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import triton_facts, wire
from benchmarks.cases import Workload
from benchmarks.targets import Address, Target
from benchmarks.wire import BadAnswer, Tensor

_HTTP_OK = 200
_TOLERANCE = 1e-5  # float kernels may differ in the last bits with the batch they ran in


class WrongAnswer(Exception):
    """A target's answer differs from Triton's own."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, the tensor in it, and Triton's own answer to it."""

    request: bytes
    sent: Tensor
    expected: dict[str, Tensor]


def reference_exchanges(triton: Address, workload: Workload) -> list[Exchange]:
    """Build the requests of a workload and ask Triton itself for the right answers."""
    model = workload.model.name
    input_name = triton_facts.input_name(triton, model, workload.datatype)
    exchanges = []
    for tensor in workload.tensors(input_name):
        request = wire.infer_request(model, tensor)
        exchanges.append(Exchange(request, tensor, _infer(triton, request)))
    return exchanges


def verify_target(target: Target, exchanges: Sequence[Exchange]) -> None:
    """Send every distinct request once; raise `WrongAnswer` on any difference in any tensor."""
    for number, exchange in enumerate(exchanges):
        got = _infer(target.address, exchange.request)
        if difference := tensors_differ(got, exchange.expected):
            raise WrongAnswer(f"{target.name}, request {number}: {difference}")


def verify_identity(exchanges: Sequence[Exchange]) -> None:
    """Check that the identity model gave back what it got: the reference itself must be right."""
    for exchange in exchanges:
        outputs = list(exchange.expected.values())
        if [output.raw for output in outputs] != [exchange.sent.raw]:
            raise WrongAnswer("the identity model changed its tensor")


def tensors_differ(got: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    """Say how two sets of tensors differ; nothing when they are equal."""
    if got.keys() != expected.keys():
        return f"outputs {sorted(got)}, expected {sorted(expected)}"
    for name, want in expected.items():
        tensor = got[name]
        if (tensor.datatype, tensor.shape) != (want.datatype, want.shape):
            return (
                f"{name} is {tensor.datatype} {tensor.shape}, expected {want.datatype} {want.shape}"
            )
        if not _same_values(tensor, want):
            return f"{name} holds other values"
    return ""


def _same_values(got: Tensor, want: Tensor) -> bool:
    if got.raw == want.raw:
        return True
    if want.datatype != "FP32" or len(got.raw) != len(want.raw):
        return False
    values = [np.frombuffer(tensor.raw, dtype="<f4") for tensor in (got, want)]
    return bool(np.allclose(values[0], values[1], rtol=0.0, atol=_TOLERANCE))


def _infer(address: Address, request: bytes) -> dict[str, Tensor]:
    answer = wire.exchange(address, request)
    if answer.status != _HTTP_OK:
        raise WrongAnswer(f"status {answer.status}: {answer.body[:300]!r}")
    try:
        return wire.answer_tensors(answer)
    except (BadAnswer, KeyError, ValueError) as error:
        raise WrongAnswer(f"unreadable answer: {error!r}") from error
