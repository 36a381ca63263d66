"""What the shared Triton says of itself: version, model inputs, number of inferences."""

import http.client
import json
from typing import Any

from benchmarks import wire
from benchmarks.targets import Address, TargetFailed


def server_version(triton: Address) -> str:
    """Give the version that Triton reports."""
    return str(_ask(triton, "/v2")["version"])


def input_name(triton: Address, model: str, datatype: str) -> str:
    """Give the first input of a model that has this datatype."""
    for tensor in _ask(triton, f"/v2/models/{model}")["inputs"]:
        if tensor["datatype"] == datatype:
            return str(tensor["name"])
    raise TargetFailed(f"model {model} has no {datatype} input")


def inference_count(triton: Address, model: str) -> int:
    """Count the requests that a model has answered with success, over all its versions."""
    versions = _ask(triton, f"/v2/models/{model}/stats")["model_stats"]
    return sum(int(version["inference_stats"]["success"]["count"]) for version in versions)


def _ask(triton: Address, path: str) -> dict[str, Any]:  # Any: JSON of another program
    answer = wire.get(triton, path)
    if answer.status != http.client.OK:
        raise TargetFailed(f"Triton answers {answer.status} to {path}")
    facts: dict[str, Any] = json.loads(answer.body)
    return facts
