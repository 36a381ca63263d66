"""A decoded inference request: tensors as raw bytes with their description."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Parameter = str | int | float | bool
Buffer = bytes | bytearray | memoryview

#: Shapes with more dimensions than this are refused: no model here or in the field has them.
MAX_RANK = 16


@dataclass(slots=True)
class Tensor:
    """One named tensor; ``data`` is little-endian, row-major, BYTES elements length-prefixed."""

    name: str
    datatype: str
    shape: list[int]
    data: Buffer


@dataclass(slots=True)
class RequestedOutput:
    """One output that the client asked for. ``classification`` asks for the top k classes."""

    name: str
    binary: bool = False
    classification: int = 0


@dataclass(slots=True)
class InferRequest:
    """A whole request. ``outputs`` empty means all; ``binary_default`` is their form then."""

    inputs: list[Tensor]
    outputs: list[RequestedOutput] = field(default_factory=list)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    request_id: str = ""
    binary_default: bool = False


@dataclass(slots=True)
class AnswerTensor:
    """One output as Triton gave it; ``data`` is a view into the answer's body."""

    name: str
    datatype: str
    shape: list[int]
    data: Buffer


def element_count(shape: list[int]) -> int:
    """Multiply the dimensions; exact at any size, since Python's integers do not wrap."""
    count = 1
    for dim in shape:
        count *= dim
    return count
