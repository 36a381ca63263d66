"""The parameters of config.pbtxt that this backend itself obeys. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of one model instance.

    threads: CPU threads that one compute call may use (1: instances are how Triton scales).
    memory_limit_mb: MB that the process may grow beyond the loaded model; CPU instances only.
    gpu_memory_fraction: share (0, 1] of the GPU's memory that PyTorch may take.
    """

    threads: int = 1
    memory_limit_mb: int | None = None
    gpu_memory_fraction: float | None = None


def parameters_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Flatten Triton's `{"key": {"string_value": ...}}` parameters."""
    return {key: value["string_value"] for key, value in config.get("parameters", {}).items()}


def parse_settings(parameters: Mapping[str, str]) -> Settings:
    """Read the settings; raise ValueError naming the parameter, its range and what was given."""
    limit = parameters.get("memory_limit_mb")
    fraction = parameters.get("gpu_memory_fraction")
    return Settings(
        threads=_positive_int("threads", parameters.get("threads", "1")),
        memory_limit_mb=None if limit is None else _positive_int("memory_limit_mb", limit),
        gpu_memory_fraction=None if fraction is None else _fraction(fraction),
    )


def _positive_int(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"parameter {name} must be a whole number from 1, but is {text!r}")
    return int(text)


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 1.0:
        raise ValueError(f"parameter gpu_memory_fraction must be in (0, 1], but is {text!r}")
    return value
