"""Which requests may run as one batch, how they are joined and the answer is cut again. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from backends.guarded.api import Tensors

BatchKey: TypeAlias = tuple[tuple[str, str, tuple[int, ...]], ...]


def batch_key(inputs: Tensors) -> BatchKey:
    """Name, dtype and trailing dims of every input: equal keys can be joined along axis 0."""
    return tuple(
        (name, tensor.dtype.name, tensor.shape[1:]) for name, tensor in sorted(inputs.items())
    )


def group(requests: Sequence[Tensors], *, batched: bool) -> list[list[int]]:
    """Positions of the requests that can share a compute call, in order of first arrival."""
    if not batched:
        return [[position] for position in range(len(requests))]
    groups: dict[BatchKey, list[int]] = {}
    for position, inputs in enumerate(requests):
        groups.setdefault(batch_key(inputs), []).append(position)
    return list(groups.values())


def row_count(inputs: Tensors) -> int:
    """Rows that a request brings, by its first input; Triton has checked that all agree."""
    return int(next(iter(inputs.values())).shape[0])


def join(requests: Sequence[Tensors]) -> Tensors:
    """Stack requests of one group along axis 0; a single request is passed as it is."""
    if len(requests) == 1:
        return requests[0]
    return {name: np.concatenate([r[name] for r in requests]) for name in requests[0]}


def cut(answer: Tensors, rows: Sequence[int]) -> list[Tensors]:
    """Cut a batch's answer into consecutive pieces of the given row counts."""
    bounds = np.cumsum([0, *rows]).tolist()
    return [
        {name: tensor[start:stop] for name, tensor in answer.items()}
        for start, stop in pairwise(bounds)
    ]
