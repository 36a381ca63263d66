"""The part of Triton's Python API that the backend uses, kept in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np


class TritonError(Exception):
    """An error with Triton's code."""

    INVALID_ARG, UNAVAILABLE, INTERNAL = "INVALID_ARG", "UNAVAILABLE", "INTERNAL"

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass
class Tensor:
    """A named array, or one that cannot be read."""

    title: str
    content: np.ndarray | Exception

    def name(self) -> str:
        return self.title

    def as_numpy(self) -> np.ndarray:
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


@dataclass
class Request:
    """One request for some outputs."""

    tensors: Sequence[Tensor]
    wanted: Sequence[str] = ("OUT",)
    own: str = "{}"

    def inputs(self) -> Sequence[Tensor]:
        return self.tensors

    def requested_output_names(self) -> Sequence[str]:
        return self.wanted

    def parameters(self) -> str:
        return self.own


@dataclass
class InferenceResponse:
    """What a request is answered with."""

    output_tensors: list[Tensor]
    error: TritonError | None = None

    def outputs(self) -> dict[str, list[Any]]:
        return {t.title: t.as_numpy().tolist() for t in self.output_tensors}


class Metric:
    """One series."""

    def __init__(self) -> None:
        self.value = 0.0

    def increment(self, amount: float) -> None:
        self.value += amount

    def set(self, value: float) -> None:
        self.value = value


class MetricFamily:
    """Series by name and labels."""

    COUNTER, GAUGE = "counter", "gauge"
    series: dict[tuple[str, frozenset[tuple[str, str]]], Metric]

    def __init__(self, *, name: str, description: str, kind: str) -> None:
        self.name = name
        self.described = (description, kind)

    def Metric(self, labels: Mapping[str, str]) -> Metric:  # noqa: N802 - Triton's name
        return self.series.setdefault((self.name, frozenset(labels.items())), Metric())


@dataclass
class Log:
    """Lines logged as errors and warnings."""

    lines: list[str] = field(default_factory=list)

    def log_error(self, line: str) -> None:
        self.lines.append(line)

    log_warn = log_error


def make_module() -> Any:
    """A fresh `triton_python_backend_utils`."""
    module: Any = ModuleType("triton_python_backend_utils")
    module.TritonError, module.Tensor, module.InferenceResponse = (
        TritonError,
        Tensor,
        InferenceResponse,
    )
    module.MetricFamily = type("MetricFamily", (MetricFamily,), {"series": {}})
    module.Logger = Log()
    return module


def series(module: Any, name: str, **labels: str) -> float:
    """The value of one series."""
    value: float = module.MetricFamily.series[name, frozenset(labels.items())].value
    return value
