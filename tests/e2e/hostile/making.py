"""What hostile requests are made of."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.http_client import head, post

INFER = "/v2/models/identity/infer"
ECHO = "/v2/models/every_type/infer"
TEXT = "/v2/models/text/infer"
GENERATE = "/v2/models/text/generate"
MIB = 1024 * 1024

CHUNKED = head("POST", INFER, "Transfer-Encoding: chunked")


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request: its bytes in order of sending, and the statuses that may answer it."""

    name: str
    parts: Sequence[bytes]
    statuses: tuple[int, ...] = tuple(range(400, 500))


def row(data: object = (1.0,), shape: object = None, **more: object) -> bytes:
    """A JSON request for the identity model."""
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": shape or [1, 1], "data": data}
    return json.dumps({"inputs": [{**tensor, **more}]}).encode()


GOOD = row()


def binary(data: bytes, /, shape: object, size: object = None, **more: object) -> bytes:
    """A request with one binary tensor."""
    parameters = {"binary_data_size": len(data) if size is None else size}
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": shape, "parameters": parameters}
    json_part = json.dumps({"inputs": [{**tensor, **more}]}).encode()
    return post(INFER, json_part + data, f"Inference-Header-Content-Length: {len(json_part)}")


def texts(data: bytes, shape: object) -> bytes:
    """A request with one binary BYTES tensor."""
    parameters = {"binary_data_size": len(data)}
    tensor = {"name": "IN_BYTES", "datatype": "BYTES", "shape": shape, "parameters": parameters}
    document = {"inputs": [tensor], "outputs": [{"name": "OUT_BYTES"}]}
    json_part = json.dumps(document).encode()
    length = f"Inference-Header-Content-Length: {len(json_part)}"
    return post(ECHO, json_part + data, length)


def prefixed(*elements: bytes) -> bytes:
    """Elements with their length prefixes."""
    return b"".join(struct.pack("<I", len(one)) + one for one in elements)
