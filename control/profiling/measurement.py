"""What was measured of one kind of request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """One request, sent alone and some times.

    ``memory_bytes`` is how far it has driven memory beyond the loaded model.
    """

    rows: int
    input_bytes: int
    tokens: int
    memory_bytes: int
    p50_s: float
    p99_s: float
    requests: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that was measured of one version.

    ``refused``: kinds of requests that the contract or the model itself refused, left out.
    """

    model: str
    version: int
    instances: int
    loaded_bytes: int
    device: str
    measurements: tuple[Measurement, ...]
    refused: int = 0
