"""What a model author writes against: a model's context and the one error it may raise on purpose.

Not here: anything about Triton. A `compute.py` can be tested without a server.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy.typing as npt

# Any: the element type differs per tensor and is checked at run time against config.pbtxt.
Tensors: TypeAlias = dict[str, npt.NDArray[Any]]

#: What a request asks for beside its inputs, such as `max_new_tokens`.
Parameters: TypeAlias = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Context:
    """Where and on what a model instance runs.

    `device` is "cpu" or "cuda:<n>". `parameters` are those of config.pbtxt, as strings.
    """

    model: str
    version: str
    version_dir: Path
    device: str
    threads: int
    parameters: Mapping[str, str]


class InputError(Exception):
    """The caller's input is at fault: answered as INVALID_ARG, never counted against the model.

    `rows` maps rows of the batch that `compute` was given to what is wrong with each. Naming them
    lets the backend refuse exactly those requests at once; without them it has to search.
    """

    def __init__(self, reason: str, *, rows: Mapping[int, str] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.rows = dict(rows or {})


class ComputeModel(Protocol):
    """The class `Model` of a version's `compute.py`, constructed once with a `Context`.

    `compute` must be pure: after a failure the backend calls it again with part of the batch.
    """

    def compute(self, inputs: Tensors) -> Tensors:
        """Answer a batch: every tensor in and out has the batch as axis 0; BYTES are objects."""
        ...


@runtime_checkable
class ObeysParameters(Protocol):
    """A model whose answer depends on a request's parameters; `compute` is it without any.

    The backend calls this instead of `compute`, and joins only requests with equal parameters.
    """

    def compute_with(self, inputs: Tensors, parameters: Parameters) -> Tensors:
        """Answer a batch as `compute` does; names that the model does not know are ignored."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """A model that can say how many tokens a batch costs, for the token counter."""

    def count_tokens(self, inputs: Tensors) -> int:
        """Count the tokens that `compute` reads for these inputs."""
        ...
