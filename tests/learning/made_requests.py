"""Requests and views to learn from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from control.core.contract import Contract, derive_contract
from control.core.elements import NUMPY, pack_bytes
from control.core.findings import ContractRules
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest, Parameter, Tensor

#: One input of a model's config: datatype and dimensions.
Spec = tuple[str, Sequence[int]]


def contract_of(inputs: Mapping[str, Spec], max_batch_size: int = 0) -> Contract:
    """A contract with these inputs."""
    return derive_contract(config_of(inputs, max_batch_size))


def config_of(inputs: Mapping[str, Spec], max_batch_size: int = 0) -> dict[str, object]:
    """A model's config with these inputs."""
    entries = [
        {
            "name": name,
            "data_type": "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}",
            "dims": list(dims),
        }
        for name, (datatype, dims) in inputs.items()
    ]
    return {"name": "m", "max_batch_size": max_batch_size, "input": entries, "output": []}


def view_of(
    inputs: Mapping[str, Spec],
    max_batch_size: int = 0,
    version: int = 1,
    rules: ContractRules | None = None,
) -> VersionView:
    """A version with these inputs."""
    return VersionView(
        model="m",
        version=version,
        loaded=True,
        ready=True,
        reason="",
        contract=contract_of(inputs, max_batch_size),
        metadata_json=b"{}",
        config_json=b"{}",
        rules=rules,
    )


def numbers(name: str, datatype: str, values: Any, shape: Sequence[int] | None = None) -> Tensor:
    """A tensor of numbers, flat unless a shape is given."""
    if datatype == "BF16":
        bits = np.asarray(values, np.float32).view(np.uint32) >> np.uint32(16)
        data = bits.astype(np.uint16).tobytes()
    else:
        data = np.asarray(values, NUMPY[datatype]).tobytes()
    count = int(np.size(values))
    return Tensor(name, datatype, list(shape or [count]), data)


def texts(name: str, values: Sequence[str | bytes], shape: Sequence[int] | None = None) -> Tensor:
    """A tensor of texts, flat unless a shape is given."""
    raw = [one.encode() if isinstance(one, str) else one for one in values]
    return Tensor(name, "BYTES", list(shape or [len(raw)]), pack_bytes(raw))


def request(*inputs: Tensor, **parameters: Parameter) -> InferRequest:
    """A request with these inputs and parameters."""
    return InferRequest(list(inputs), parameters=parameters)
