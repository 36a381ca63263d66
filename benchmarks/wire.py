"""The little of HTTP and of Triton's binary tensor extension that the comparison needs."""

import http.client
import json
import socket
import struct
from dataclasses import dataclass

from benchmarks.targets import Address, TcpAddress, UnixAddress

_TIMEOUT_S = 60.0
_HEADER_SIZE_FIELD = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in Triton's binary form."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class BadAnswer(Exception):
    """An answer that is not what the KServe v2 protocol promises."""


def infer_request(model: str, tensor: Tensor) -> bytes:
    """Build the whole HTTP request, as Triton's own Python client would send it."""
    header = {
        "inputs": [
            {
                "name": tensor.name,
                "shape": tensor.shape,
                "datatype": tensor.datatype,
                "parameters": {"binary_data_size": len(tensor.raw)},
            }
        ],
        "parameters": {"binary_data_output": True},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    head = (
        f"POST /v2/models/{model}/infer HTTP/1.1\r\n"
        "Host: localhost\r\n"
        "Content-Type: application/octet-stream\r\n"
        f"{_HEADER_SIZE_FIELD}: {len(text)}\r\n"
        f"Content-Length: {len(text) + len(tensor.raw)}\r\n\r\n"
    )
    return head.encode() + text + tensor.raw


def bytes_element(text: str) -> bytes:
    """Encode one element of a BYTES tensor: its size in four bytes, then itself."""
    encoded = text.encode()
    return struct.pack("<I", len(encoded)) + encoded


def answer_tensors(answer: Answer) -> dict[str, Tensor]:
    """Read the output tensors of an answer; all of them must be binary and fit the body."""
    size_text = answer.headers.get(_HEADER_SIZE_FIELD.lower())
    if size_text is None:
        raise BadAnswer(f"status {answer.status}, no binary tensors: {answer.body[:200]!r}")
    position = int(size_text)
    tensors = {}
    for output in json.loads(answer.body[:position])["outputs"]:
        end = position + int(output["parameters"]["binary_data_size"])
        raw = answer.body[position:end]
        position = end
        shape = tuple(output["shape"])
        tensors[output["name"]] = Tensor(output["name"], output["datatype"], shape, raw)
    if position != len(answer.body):
        raise BadAnswer(f"tensors take {position} bytes, the body has {len(answer.body)}")
    return tensors


def get(address: Address, path: str) -> Answer:
    """Send one GET over a connection of its own."""
    return exchange(address, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def exchange(address: Address, request: bytes, timeout_s: float = _TIMEOUT_S) -> Answer:
    """Send the bytes of one request over a connection of its own and read the answer."""
    with _connect(address, timeout_s) as connection:
        connection.sendall(request)
        method = request[: request.index(b" ")].decode()
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())


def _connect(address: Address, timeout_s: float) -> socket.socket:
    match address:
        case TcpAddress(host, port):
            return socket.create_connection((host, port), timeout_s)
        case UnixAddress(path):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(timeout_s)
            try:
                connection.connect(path)
            except OSError:
                connection.close()
                raise
            return connection
