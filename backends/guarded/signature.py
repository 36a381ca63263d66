"""The outputs that config.pbtxt promises, and the check of a model's answer against them.

Triton itself answers 200 with a wrong dtype, shape or missing output, so the check happens here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backends.guarded.api import Tensors

NUMPY_DTYPES: dict[str, str] = {
    "TYPE_BOOL": "bool",
    "TYPE_UINT8": "uint8",
    "TYPE_UINT16": "uint16",
    "TYPE_UINT32": "uint32",
    "TYPE_UINT64": "uint64",
    "TYPE_INT8": "int8",
    "TYPE_INT16": "int16",
    "TYPE_INT32": "int32",
    "TYPE_INT64": "int64",
    "TYPE_FP16": "float16",
    "TYPE_FP32": "float32",
    "TYPE_FP64": "float64",
    "TYPE_STRING": "object",
}


class AnswerError(Exception):
    """A model's answer breaks its own config.pbtxt."""


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output of config.pbtxt; a dim of -1 is free."""

    name: str
    dtype: str
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What every answer of a model must look like. `batched` is max_batch_size > 0."""

    outputs: tuple[OutputSpec, ...]
    batched: bool

    def check(self, answer: Tensors, rows: int) -> None:
        """Raise `AnswerError` at the first output that is missing, extra or of the wrong form."""
        if not isinstance(answer, dict):
            raise AnswerError(f"compute returned {type(answer).__name__}, not a dict of outputs")
        promised = {spec.name for spec in self.outputs}
        if answer.keys() != promised:
            raise AnswerError(f"outputs are {sorted(answer)}, config promises {sorted(promised)}")
        for spec in self.outputs:
            _check_output(spec, answer[spec.name], (rows,) if self.batched else ())


def parse_signature(config: Mapping[str, Any]) -> Signature:
    """Read the signature from the model config that Triton hands to a backend."""
    outputs = tuple(
        OutputSpec(out["name"], NUMPY_DTYPES[out["data_type"]], tuple(int(d) for d in out["dims"]))
        for out in config["output"]
    )
    return Signature(outputs=outputs, batched=int(config["max_batch_size"]) > 0)


def _check_output(spec: OutputSpec, tensor: npt.NDArray[Any], batch: Sequence[int]) -> None:
    if not isinstance(tensor, np.ndarray):
        raise AnswerError(f"output {spec.name} is {type(tensor).__name__}, not a NumPy array")
    if tensor.dtype.name != spec.dtype:
        raise AnswerError(f"output {spec.name} is {tensor.dtype.name}, config says {spec.dtype}")
    expected = (*batch, *spec.dims)
    fits = len(tensor.shape) == len(expected) and all(
        want in (-1, got) for want, got in zip(expected, tensor.shape, strict=True)
    )
    if not fits:
        raise AnswerError(
            f"output {spec.name} has shape {list(tensor.shape)}, config says {list(expected)}"
        )
