"""Whole HTTP answers, whichever client has read them, and comparison of their documents."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; header names are lower case, repeated headers are joined by a comma."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.document["code"])


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers as they came over the wire, as an answer keeps them."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


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
