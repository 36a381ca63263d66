"""Bodies of ``/infer``, good ones and nearly good ones, and answers of Triton."""

import json
import math
from typing import Any

from hypothesis import strategies as st

from control.core.datatypes import BYTES, DATATYPES, ELEMENT_BYTES
from control.core.elements import pack_bytes

LIMIT = 1 << 20


def binary_of(datatype: str, count: int) -> st.SearchStrategy[bytes]:
    """Raw bytes of some elements."""
    if datatype == BYTES:
        elements = st.lists(st.binary(max_size=9), min_size=count, max_size=count)
        return elements.map(pack_bytes)
    size = ELEMENT_BYTES[datatype] * count
    return st.binary(min_size=size, max_size=size)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, str, list[int], bytes]:
    """Name, datatype, shape and raw bytes that belong together."""
    datatype = draw(st.sampled_from(sorted(DATATYPES)))
    shape = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    data = draw(binary_of(datatype, math.prod(shape)))
    return draw(st.text(min_size=1, max_size=5)), datatype, shape, data


def binary_body(parts: list[tuple[str, str, list[int], bytes]], **more: Any) -> tuple[bytes, bytes]:
    """A body in binary form and its header length."""
    inputs = [
        {"name": n, "datatype": d, "shape": s, "parameters": {"binary_data_size": len(data)}}
        for n, d, s, data in parts
    ]
    header = json.dumps({"inputs": inputs, **more}).encode()
    return header + b"".join(data for *_, data in parts), b"%d" % len(header)


def json_body(**changes: Any) -> bytes:
    """A good JSON body with one input, but for the changes to that input."""
    one = {"name": "A", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0], **changes}
    return json.dumps({"inputs": [{k: v for k, v in one.items() if v is not None}]}).encode()


def triton_answer(
    outputs: list[tuple[str, str, list[int], Any]], **more: Any
) -> tuple[dict[bytes, bytes], bytes]:
    """Headers and body of an answer of Triton's."""
    header = json.dumps(
        {
            "model_name": "m",
            "model_version": "1",
            "outputs": [
                {
                    "name": n,
                    "datatype": d,
                    "shape": s,
                    "parameters": {"binary_data_size": len(data)},
                }
                for n, d, s, data in outputs
            ],
            **more,
        }
    ).encode()
    binary = b"".join(bytes(data) for *_, data in outputs)
    return {b"inference-header-content-length": b"%d" % len(header)}, header + binary
