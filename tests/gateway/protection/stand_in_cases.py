"""Versions, requests and answers for tests of what may be answered without the version itself."""

import json
from typing import Any

import numpy as np

from control.core.contract import Contract, TensorSpec
from control.core.protection import CachePolicy, Fallback, Override, Protection
from control.core.snapshot import ModelView, Snapshot, VersionView
from control.core.tensors import AnswerTensor, InferRequest, RequestedOutput, Tensor
from control.gateway.codec.triton_form import Answer

#: A cache that keeps for ten seconds.
CACHED = Protection(deterministic=True, cache=CachePolicy(10.0))
SHARED = Protection(deterministic=True)


def contract(
    inputs: str = "X", outputs: str = "Y", *, batch: int = 8, labelled: bool = False
) -> Contract:
    """A contract of FP32 vectors: of any length, but for outputs with labels."""
    dims = (1,) if labelled else (-1,)
    takes = {name: TensorSpec(name, "FP32", (-1,)) for name in inputs.split()}
    gives = {name: TensorSpec(name, "FP32", dims, labelled=labelled) for name in outputs.split()}
    return Contract("m", batch, takes, gives, frozenset(takes))


def version_of(
    model: str = "m",
    version: int = 1,
    *,
    protection: Protection = CACHED,
    ready: bool = True,
    **kwargs: Any,
) -> VersionView:
    """A version of a model; keywords are a view's."""
    parts: dict[str, Any] = {"contract": contract(), "order": Override()} | kwargs
    return VersionView(
        model=model,
        version=version,
        loaded=True,
        ready=ready,
        reason="",
        metadata_json=b"{}",
        config_json=b"{}",
        protection=protection,
        **parts,
    )


def falling(*steps: Fallback, deterministic: bool = False) -> Protection:
    """The protection of a version with these fallbacks."""
    if deterministic:
        return Protection(fallbacks=steps, deterministic=True, cache=CachePolicy(10.0))
    return Protection(fallbacks=steps)


def snapshot_of(*views: VersionView) -> Snapshot:
    """A snapshot of these versions."""
    models: dict[str, dict[int, VersionView]] = {}
    for view in views:
        models.setdefault(view.model, {})[view.version] = view
    return Snapshot(1, {name: ModelView(name, versions) for name, versions in models.items()})


def floats(*values: float) -> bytes:
    """FP32 elements."""
    return np.array(values, np.float32).tobytes()


def request_for(
    *values: float, name: str = "X", request_id: str = "", outputs: str = "", **parameters: Any
) -> InferRequest:
    """A request of rows of one number."""
    tensor = Tensor(name, "FP32", [len(values), 1], floats(*values))
    wanted = [RequestedOutput(one) for one in outputs.split()]
    return InferRequest([tensor], wanted, parameters, request_id)


def answer_with(*values: float, names: str = "Y", request_id: str = "", model: str = "m") -> Answer:
    """An answer as Triton gives it: views into the buffer that it came in."""
    described = [{"name": name, "shape": [len(values), 1]} for name in names.split()]
    header = json.dumps({"id": request_id, "outputs": described}).encode()
    data = floats(*values)
    view = memoryview(bytearray(header + data * len(described)))
    binary = view[len(header) :]
    tensors = [
        AnswerTensor(
            name, "FP32", [len(values), 1], binary[index * len(data) : (index + 1) * len(data)]
        )
        for index, name in enumerate(names.split())
    ]
    return Answer(model, "1", request_id, None, tensors, view[: len(header)], binary)


def values_of(answer: Answer) -> dict[str, list[float]]:
    """An answer's numbers, by output."""
    return {
        one.name: np.frombuffer(one.data, np.float32).astype(float).tolist()
        for one in answer.tensors
    }
