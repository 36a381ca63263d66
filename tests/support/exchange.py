"""Single HTTP requests by the standard library, and comparison of the documents they bring."""

import http.client
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def exchange(
    address: str,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()


def post_json(address: str, path: str, document: Any) -> Answer:
    """POST a document, or JSON text as it stands."""
    text = document if isinstance(document, str) else json.dumps(document)
    return exchange(address, "POST", path, text.encode())


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same, numbers to the precision of FP32.

    Triton writes an FP32 with the digits of a double, Seawall with as many as tell it apart.
    """
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if type(left) is not type(right):
        return False
    if not isinstance(left, float) or left == right:
        return bool(left == right)
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return bool(np.float32(left) == np.float32(right))
