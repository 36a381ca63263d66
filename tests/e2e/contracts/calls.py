"""Requests as a client writes them, and what is expected of their answers."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from tests.model_repository.golden_requests import fits
from tests.support.answers import Answer
from tests.support.exchange import exchange

Tensor = dict[str, Any]
Violation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model."""

    model: str
    body: bytes
    endpoint: str = "infer"
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, address: str) -> Answer:
        """Send it to a Seawall."""
        path = f"/v2/models/{self.model}/{self.endpoint}"
        return exchange(address, "POST", path, self.body, self.headers)


def infer(model: str, *inputs: Tensor, **parameters: Any) -> Call:
    """A JSON request with these inputs and parameters."""
    document = {"inputs": inputs, "parameters": parameters}
    return Call(model, json.dumps(document).encode())


def echo(tensor: Tensor) -> Call:
    """A request for one output of the model that echoes its inputs."""
    wanted = {"name": tensor["name"].replace("IN_", "OUT_")}
    document = {"inputs": [tensor], "outputs": [wanted]}
    return Call("every_type", json.dumps(document).encode())


def generate(model: str, **keys: Any) -> Call:
    """A request in the flat form."""
    return Call(model, json.dumps(keys).encode(), "generate")


def binary(model: str, name: str, *rows: bytes, output: str | None = None) -> Call:
    """A request with one binary BYTES input of one element a row, maybe for one binary output."""
    data = b"".join(struct.pack("<I", len(one)) + one for one in rows)
    tensor = {
        "name": name,
        "datatype": "BYTES",
        "shape": [len(rows), 1],
        "parameters": {"binary_data_size": len(data)},
    }
    wanted = [{"name": output, "parameters": {"binary_data": True}}] if output else []
    head = json.dumps({"inputs": [tensor], "outputs": wanted}).encode()
    return Call(model, head + data, headers={"Inference-Header-Content-Length": str(len(head))})


def texts(name: str, *rows: str | Sequence[str]) -> Tensor:
    """A BYTES input: a text or a list of texts for each row."""
    table = [[row] if isinstance(row, str) else list(row) for row in rows]
    shape = [len(table), len(table[0])]
    return {"name": name, "datatype": "BYTES", "shape": shape, "data": [*chain(*table)]}


def numbers(name: str, datatype: str, *rows: Sequence[float]) -> Tensor:
    """A numeric input: a list of numbers for each row."""
    flat = [number for row in rows for number in row]
    return {"name": name, "datatype": datatype, "shape": [len(rows), len(rows[0])], "data": flat}


def breach(path: str, rule: str, limit: Any, got: Any) -> Violation:
    """A violation as clients see it."""
    return {"path": path, "rule": rule, "limit": limit, "got": got}


def assert_answered(answer: Answer, expect: Mapping[str, dict[str, Any]]) -> None:
    """The answer is 200, and its outputs are as expected (in the words of `golden.json`)."""
    assert answer.status == 200, answer.body
    document = answer.document if expect else {}
    outputs = {one["name"]: one["data"] for one in document.get("outputs", [])} or document
    for name, expectation in expect.items():
        assert fits(np.array(outputs[name]), expectation), (name, outputs[name])


def assert_refused(answer: Answer, status: int, violations: Sequence[Violation]) -> None:
    """The answer is this refusal, with exactly these violations."""
    assert answer.status == status, answer.body
    document = answer.document
    assert document["violations"] == list(violations)
    assert document["code"] == {422: "contract_violation", 502: "bad_upstream_answer"}[status]
    for one in violations:
        assert one["path"] in document["error"]


def is_refused(answer: Answer, violations: Sequence[Violation]) -> bool:
    """Whether an answer is a refusal with exactly these violations."""
    return answer.status != 200 and answer.document.get("violations") == list(violations)
