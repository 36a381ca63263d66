"""Request parameters: read from Triton's JSON, and sorted by who may run together. Pure.

A batch is computed with one set of parameters, so only requests that ask for the same share one.
"""

import json
from collections.abc import Mapping, Sequence

from backends.guarded.api import Parameters


def read_parameters(text: str) -> Parameters:
    """Parse what Triton hands over; it has checked that all values are plain."""
    parameters: Mapping[str, str | int | float | bool] = json.loads(text or "{}")
    return parameters


def alike(requests: Sequence[Parameters]) -> list[list[int]]:
    """Positions of requests with equal parameters, in order of first arrival."""
    groups: dict[str, list[int]] = {}
    for position, parameters in enumerate(requests):
        # As text, since to Python true equals 1.
        groups.setdefault(json.dumps(parameters, sort_keys=True), []).append(position)
    return list(groups.values())
