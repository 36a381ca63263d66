"""A blocking client that sends bytes as they are over one connection, kept alive."""

import contextlib
import gzip
import http.client
import json
import socket
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.fuzz.draft import HEADER_LENGTH
from tests.fuzz.packing import unpacked
from tests.fuzz.seeds import Values

TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, whole; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoAnswer(Exception):
    """The connection ended before the answer did."""


class TooSlow(NoAnswer):
    """No answer in time."""


class Client:
    """One connection; opened when it is needed, and opened again when the server has ended it.

    ``address`` is ``host:port``, or the path of a Unix socket.
    """

    def __init__(self, address: str | Path, timeout_s: float = TIMEOUT_S) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def exchange(self, request: bytes, method: str = "POST") -> Answer:
        """Send one request and read its answer; raises NoAnswer."""
        try:
            connection = self._socket or self._connect()
            self._send(connection, request)
            answer = http.client.HTTPResponse(connection, method=method)
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            body = answer.read()
            if answer.will_close:
                self.close()
        except TimeoutError as error:
            self.close()
            raise TooSlow(str(error)) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswer(repr(error)) from error
        return Answer(answer.status, headers, body)

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        if isinstance(self._address, Path):
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(self._timeout_s)
            self._socket = made
            made.connect(str(self._address))
        else:
            host, _, port = self._address.rpartition(":")
            self._socket = made = socket.create_connection((host, int(port)), self._timeout_s)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    @staticmethod
    def _send(connection: socket.socket, request: bytes) -> None:
        # A refusal may come before the body has gone out: then the answer is there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)


def values_of(answer: Answer) -> Values:
    """The outputs of an answer to ``/infer`` or ``/generate``, whatever their form."""
    body = _decompressed(answer)
    length = answer.headers.get(HEADER_LENGTH.lower())
    position = len(body) if length is None else int(length)
    text = body[:position]
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        text = text.removeprefix(b"data: ").rstrip()
    document = json.loads(text)
    if "outputs" not in document:
        return {name: _listed(value) for name, value in document.items()}
    values: Values = {}
    for output in document["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            values[output["name"]] = _listed(output["data"])
        else:
            data = body[position : position + size]
            values[output["name"]] = unpacked(output["datatype"], data)
            position += size
    return values


def _decompressed(answer: Answer) -> bytes:
    match answer.headers.get("content-encoding"):
        case "gzip":
            return gzip.decompress(answer.body)
        case "deflate":
            return zlib.decompress(answer.body)
        case _:
            return answer.body


def _listed(value: Any) -> list[Any]:
    elements = value if isinstance(value, list) else [value]
    return [one.encode() if isinstance(one, str) else one for one in elements]
