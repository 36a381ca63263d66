"""Reads `golden.json` and holds a model's pure compute against it, without a server."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.guarded import Context, Tensors
from backends.guarded.api import ComputeModel
from backends.guarded.loading import load_model
from control.weights import missing_weights

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

    def tensors(self) -> Tensors:
        """The inputs as a batch."""
        return {name: column(rows) for name, rows in self.inputs.items()}


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
                )


def column(rows: list[Any]) -> np.ndarray:
    """A [rows, 1] BYTES tensor."""
    raw = [base64.b64decode(r["base64"]) if isinstance(r, dict) else r.encode() for r in rows]
    return np.array(raw, dtype=np.object_).reshape(-1, 1)


def load(model: str, version: str) -> ComputeModel:
    """The version's compute on the CPU."""
    folder = REPOSITORY / model / version
    loaded, _ = load_model(Context(model, version, folder, "cpu", 1, {}))
    return loaded


def fits(output: np.ndarray, expectation: dict[str, Any]) -> bool:
    """Whether an output keeps one expectation."""
    flat = output.reshape(-1).tolist()
    match expectation:
        case {"equal": wanted}:
            return [v.decode() if isinstance(v, bytes) else v for v in flat] == wanted
        case {"min": low, "max": high}:
            return all(low <= value <= high for value in flat)
        case {"near": wanted, "tolerance": tolerance}:
            return len(flat) == len(wanted) and bool(
                np.abs(np.array(flat) - np.array(wanted)).max() <= tolerance
            )
    raise AssertionError(f"unknown expectation {expectation}")


class Models:
    """Loads each version once per session, and skips where its weights are absent."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, str], ComputeModel] = {}
        self._missing = missing_weights(REPOSITORY)

    def get(self, model: str, version: str) -> ComputeModel:
        """The version's compute."""
        folder = REPOSITORY / model / version
        absent = [path.name for path in self._missing if path.is_relative_to(folder)]
        if absent:
            pytest.skip(f"weights not fetched (seawall models fetch): {', '.join(absent)}")
        if (model, version) not in self._loaded:
            self._loaded[model, version] = load(model, version)
        return self._loaded[model, version]
