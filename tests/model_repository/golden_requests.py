"""Reads `golden.json` and holds a model's pure compute against it, without a server."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from backends.guarded import Context, ObeysParameters, Parameters, Tensors
from backends.guarded.api import ComputeModel
from backends.guarded.loading import load_model
from backends.guarded.signature import NUMPY_DTYPES
from control.verification.golden_answers import values_fault
from control.weights.manifest import read_repository

REPOSITORY = Path(__file__).parents[2] / "model_repository"


@dataclass(frozen=True)
class Golden:
    """One golden request for one version."""

    model: str
    version: str
    name: str
    inputs: dict[str, list[Any]]
    expect: dict[str, dict[str, Any]]
    expect_error: str | None
    parameters: Parameters = field(default_factory=dict)

    def tensors(self) -> Tensors:
        """The inputs as a batch."""
        specs = {one["name"]: one for one in config(self.model)["input"]}
        return {name: array(rows, specs[name]["data_type"]) for name, rows in self.inputs.items()}


@cache
def config(model: str) -> Mapping[str, Any]:
    """A model's config.pbtxt in Triton's JSON form."""
    text = (REPOSITORY / model / "config.pbtxt").read_text(encoding="utf-8")
    message = text_format.Parse(text, model_config_pb2.ModelConfig(name=model))
    document: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return document


def versions() -> list[tuple[str, str]]:
    """Every (model, version) of the repository."""
    folders = sorted(REPOSITORY.glob("*/*/compute.py"))
    return [(path.parents[1].name, path.parent.name) for path in folders]


def goldens() -> Iterator[Golden]:
    """Every golden request, once per version that it is for."""
    for model, version in versions():
        stored = json.loads((REPOSITORY / model / "golden.json").read_text(encoding="utf-8"))
        for request in stored["requests"]:
            if request["version"] in (None, version):
                yield Golden(
                    model,
                    version,
                    request["name"],
                    request["inputs"],
                    request.get("expect", {}),
                    request.get("expect_error"),
                    request.get("parameters", {}),
                )


def array(rows: list[Any], data_type: str) -> np.ndarray:
    """Rows of one element, or of a list of elements, as a [rows, elements] tensor."""
    table = [row if isinstance(row, list) else [row] for row in rows]
    if data_type == "TYPE_STRING":
        table = [[_raw(element) for element in row] for row in table]
    return np.array(table, dtype=NUMPY_DTYPES[data_type]).reshape(len(rows), -1)


def column(rows: list[Any]) -> np.ndarray:
    """A [rows, 1] BYTES tensor."""
    return array(rows, "TYPE_STRING")


def _raw(element: Any) -> bytes:
    return base64.b64decode(element["base64"]) if isinstance(element, dict) else element.encode()


def load(model: str, version: str) -> ComputeModel:
    """The version's compute on the CPU."""
    folder = REPOSITORY / model / version
    loaded, _ = load_model(Context(model, version, folder, "cpu", 1, {}))
    return loaded


def answer(model: ComputeModel, inputs: Tensors, parameters: Parameters) -> Tensors:
    """Have the model compute as the backend would."""
    if isinstance(model, ObeysParameters):
        return model.compute_with(inputs, parameters)
    return model.compute(inputs)


def fits(output: np.ndarray, expectation: dict[str, Any]) -> bool:
    """Whether an output keeps one expectation."""
    texts_as_bytes = [
        one.encode() if isinstance(one, str) else one for one in output.reshape(-1).tolist()
    ]
    return values_fault(texts_as_bytes, expectation) is None


def need_weights(model: str, version: str) -> None:
    """Skip where a version's weights are not there, or only in part."""
    folder = REPOSITORY / model / version
    files = [one for one in read_repository(REPOSITORY) if one.target.is_relative_to(folder)]
    absent = [
        one.target.name
        for one in files
        if not one.target.is_file() or one.target.stat().st_size != one.size_bytes
    ]
    if absent:
        pytest.skip(f"weights not fetched (seawall models fetch): {', '.join(absent)}")


class Models:
    """Loads each version once per session, and skips where its weights are absent."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, str], ComputeModel] = {}

    def get(self, model: str, version: str) -> ComputeModel:
        """The version's compute."""
        need_weights(model, version)
        if (model, version) not in self._loaded:
            self._loaded[model, version] = load(model, version)
        return self._loaded[model, version]
