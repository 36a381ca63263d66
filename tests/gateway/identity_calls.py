"""One inference of a model that gives back what it gets."""

import asyncio
import json
import struct

from control.gateway.codec.triton_form import EncodedRequest
from control.gateway.triton_calls import TritonCalls
from control.triton.upstream import Abandoned
from tests.gateway.conftest import make_view

VIEW = make_view(version=3)
DATA = struct.pack("<2f", 1.0, 2.0)
HEADER = json.dumps(
    {
        "inputs": [
            {
                "name": "INPUT0",
                "shape": [1, 2],
                "datatype": "FP32",
                "parameters": {"binary_data_size": 8},
            }
        ]
    }
).encode()
REQUEST = EncodedRequest(HEADER, [DATA])


async def infer(
    calls: TritonCalls, *, timeout_s: float = 20.0, abandoned: Abandoned | None = None
) -> bytes:
    """Send one inference and give the binary part of its answer."""
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    answer = await calls.infer(VIEW, REQUEST, deadline_s, abandoned)
    return bytes(answer.body)[int(answer.headers[b"inference-header-content-length"]) :]
