"""A request before it is written: its parts can be changed one by one."""

import struct
from dataclasses import dataclass, field
from typing import Any, Self

from tests.fuzz.tree import copy, write

HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class Request:
    """A whole HTTP request. Its framing is honest: lies about that are in ``tests/e2e/hostile``."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def encode(self) -> bytes:
        """Give the bytes that go over the wire."""
        lines = [
            f"{self.method} {self.target} HTTP/1.1",
            "Host: fuzz",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass(slots=True)
class Draft:
    """A request in parts. ``tail`` are binary tensors, which follow the JSON ``document``.

    ``header_length`` is None where there is none, or the value that the header shall have, true or
    not; ``body`` stands for document and tail once it is set.
    """

    model: str
    document: Any
    form: str = "infer"
    tail: list[bytes] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    header_length: str | None = None
    target: str = ""
    method: str = "POST"
    body: bytes | None = None

    def clone(self) -> Self:
        """Copy all that a mutation may change."""
        return type(self)(
            self.model,
            copy(self.document),
            self.form,
            list(self.tail),
            list(self.headers),
            self.header_length,
            self.target,
            self.method,
            self.body,
        )

    @property
    def is_binary(self) -> bool:
        """Whether tensors follow the JSON part."""
        return bool(self.tail)

    def written(self) -> bytes:
        """Write the body as it stands now."""
        return write(self.document) + b"".join(self.tail) if self.body is None else self.body

    def request(self) -> Request:
        """Write the request."""
        headers = list(self.headers)
        length = self.header_length
        if length is None and self.is_binary:
            length = str(len(write(self.document)))
        if length is not None:
            headers.append((HEADER_LENGTH, length))
        target = self.target or f"/v2/models/{self.model}/{self.form}"
        return Request(self.method, target, tuple(headers), self.written())


def tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    """One input as JSON."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def binary_tensor(name: str, datatype: str, shape: list[int], data: bytes) -> dict[str, Any]:
    """One input whose bytes follow the JSON."""
    parameters = {"binary_data_size": len(data)}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}


def prefixed(*elements: bytes) -> bytes:
    """The elements of a BYTES tensor with their length prefixes."""
    return b"".join(struct.pack("<I", len(one)) + one for one in elements)
