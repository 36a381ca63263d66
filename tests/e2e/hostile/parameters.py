"""Hostile parameters, of requests and of their tensors."""

import json
from collections.abc import Iterator

from tests.e2e.hostile.making import ECHO, GENERATE, GOOD, INFER, TEXT, Hostile, row
from tests.support.http_client import post


def parameters() -> Iterator[Hostile]:
    faulty = {
        "triton_enable_empty_final_response": True,
        "triton_final_response": True,
        "priority": -1,
        "timeout": "soon",
        "sequence_id": -5,
        "sequence_start": 1,
        "binary_data_output": 1,
        "number": 10**400,
        "nothing": None,
        "list": [],
        "object": {},
    }
    for name, value in faulty.items():
        body = GOOD[:-1] + b',"parameters":' + json.dumps({name: value}).encode() + b"}"
        yield Hostile(f"parameter {name}", [post(INFER, body)])
    numbers = {f"p{number}": number for number in range(50_000)}
    many = GOOD[:-1] + f',"parameters":{json.dumps(numbers)}}}'.encode()
    yield Hostile("50 000 parameters", [post(INFER, many)])
    generated = json.dumps({"TEXT": "x", **numbers}).encode()
    yield Hostile("50 000 parameters to generate", [post(GENERATE, generated)])


def shared_memory() -> Iterator[Hostile]:
    for region in ("a", "", "../../etc/passwd", "triton_python_backend_shm_region_1"):
        given = {"shared_memory_region": region, "shared_memory_byte_size": 8}
        output = json.dumps({"name": "OUTPUT0", "parameters": given}).encode()
        wanted = GOOD[:-1] + b',"outputs":[%b]}' % output
        yield Hostile(
            f"input in shared memory {region}", [post(INFER, row(parameters=given))], (403,)
        )
        yield Hostile(f"output in shared memory {region}", [post(INFER, wanted)], (403,))


def classes() -> Iterator[Hostile]:
    def asking(model_input: dict[str, object], output: str, count: object) -> bytes:
        wanted = [{"name": output, "parameters": {"classification": count}}]
        return json.dumps({"inputs": [model_input], "outputs": wanted}).encode()

    text = {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": ["x"]}
    empty = {"name": "INPUT0", "datatype": "FP32", "shape": [1, 0], "data": []}
    full = {**empty, "shape": [1, 1], "data": [1.0]}
    flag = {"name": "IN_BOOL", "datatype": "BOOL", "shape": [1, 1], "data": [True]}
    yield Hostile("classes of texts", [post(TEXT, asking(text, "SEEN", 1))], (422,))
    yield Hostile("classes of a flag", [post(ECHO, asking(flag, "OUT_BOOL", 1))], (422,))
    yield Hostile("classes of nothing", [post(INFER, asking(empty, "OUTPUT0", 1))])
    for count in (-1, 2**32, 2**63, 2**64, 10**30, "1", 1.5, True, None, []):
        yield Hostile(f"{count} classes", [post(INFER, asking(full, "OUTPUT0", count))])
