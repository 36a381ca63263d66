"""Triton Python-based backend that runs a model's pure compute, one request's fault at a time.

Model authors need these names from here: `Context`, `InputError`, `Parameters` and `Tensors`.
Nothing in this package imports `control`: it must run in a stub that has only Triton and NumPy.
"""

from backends.guarded.api import (
    ComputeModel,
    Context,
    CountsTokens,
    InputError,
    ObeysParameters,
    Parameters,
    Tensors,
)

__all__ = [
    "ComputeModel",
    "Context",
    "CountsTokens",
    "InputError",
    "ObeysParameters",
    "Parameters",
    "Tensors",
]
