"""A scripted tritonserver: HTTP/1.1 on a Unix socket, answers as the real one gives them.

By default it answers an inference by giving each ``INPUT0`` back as ``OUTPUT0``. ``then`` queues
acts for the next inferences; ``by_version`` has those of versions that always do something else.
``test_fake_is_real`` holds its texts to those of the real server.
"""

import asyncio
import contextlib
import json
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The JSON part of an inference."""
        length = int(self.headers.get("inference-header-content-length", len(self.body)))
        return json.loads(self.body[:length])

    @property
    def binary(self) -> bytes:
        """The binary part of an inference."""
        return self.body[int(self.headers.get("inference-header-content-length", len(self.body))) :]

    @property
    def model(self) -> str:
        """The model that the path names."""
        return self.path.split("/")[3]

    @property
    def version(self) -> str:
        """The version that the path names, or 1."""
        parts = self.path.split("/")
        return parts[5] if "versions" in parts else "1"


@dataclass
class Exchange:
    """One request and the means to answer it."""

    seen: Seen
    writer: asyncio.StreamWriter

    def reply(self, status: int, body: bytes, *headers: str) -> bytes:
        """The bytes of a whole reply."""
        lines = [f"HTTP/1.1 {status} Whatever", *headers, f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def infer_reply(self, outputs: list[tuple[str, str, list[int], bytes]]) -> bytes:
        """The bytes of an inference answer in binary form."""
        header: dict[str, Any] = {
            "model_name": self.seen.model,
            "model_version": self.seen.version,
            "outputs": [
                {
                    "name": name,
                    "datatype": datatype,
                    "shape": shape,
                    "parameters": {"binary_data_size": len(data)},
                }
                for name, datatype, shape, data in outputs
            ],
        }
        if self.seen.document.get("id"):
            header["id"] = self.seen.document["id"]
        raw = json.dumps(header, separators=(",", ":")).encode()
        binary = b"".join(data for *_, data in outputs)
        if not binary:
            return self.reply(200, raw, "Content-Type: application/json")
        length = f"Inference-Header-Content-Length: {len(raw)}"
        return self.reply(200, raw + binary, "Content-Type: application/octet-stream", length)


Act = Callable[[Exchange], Awaitable[None]]


async def identity(exchange: Exchange) -> None:
    """Give the first input back."""
    (first, *_) = exchange.seen.document["inputs"]
    name = first["name"].replace("INPUT", "OUTPUT")
    output = (name, first["datatype"], first["shape"], exchange.seen.binary)
    await exchange.send(exchange.infer_reply([output]))


def after(delay_s: float, act: Act = identity) -> Act:
    """Answer, or do something else, but later."""

    async def later(exchange: Exchange) -> None:
        await asyncio.sleep(delay_s)
        await act(exchange)

    return later


def answer_with(*outputs: tuple[str, str, list[int], bytes]) -> Act:
    """Answer with these outputs, whatever was asked."""

    async def act(exchange: Exchange) -> None:
        await exchange.send(exchange.infer_reply(list(outputs)))

    return act


def refuse(status: int, error: str) -> Act:
    """Answer with an error document."""

    async def act(exchange: Exchange) -> None:
        body = json.dumps({"error": error}, separators=(",", ":")).encode()
        await exchange.send(exchange.reply(status, body, "Content-Type: text/plain"))

    return act


def send_raw(data: bytes) -> Act:
    """Answer with bytes that may be no HTTP at all."""

    async def act(exchange: Exchange) -> None:
        await exchange.send(data)

    return act


async def die(exchange: Exchange) -> None:
    """Close the connection instead of an answer."""
    exchange.writer.transport.abort()


async def die_mid_answer(exchange: Exchange) -> None:
    """Close the connection in the middle of an answer."""
    whole = exchange.infer_reply([("OUTPUT0", "FP32", [1, 1], struct.pack("<f", 1.0))])
    await exchange.send(whole[:-2])
    exchange.writer.transport.abort()


async def hang(_exchange: Exchange) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def answer_twice(exchange: Exchange) -> None:
    """Answer, and then once more, unasked."""
    one = exchange.infer_reply([("OUTPUT0", "FP32", [1, 1], struct.pack("<f", 1.0))])
    two = exchange.infer_reply([("OUTPUT0", "FP32", [1, 1], struct.pack("<f", 666.0))])
    await exchange.send(one + two)


def stub_died(model: str) -> Act:
    """Refuse as for a Python model whose process is dead."""
    return refuse(500, f"Stub process '{model}_0_0' is not healthy.")


def model_raised(model: str) -> Act:
    """Refuse as for a model whose code raised: with the frames it passed."""
    frames = "\n\nAt:\n  /models/faulty/1/model.py(19): _answer\n"
    text = f"Failed to process the request(s) for model '{model}_0_0', message: ValueError: boom"
    return refuse(500, text + frames)


def per_request_error() -> Act:
    """Refuse as for a model that answered this request with an error of its own."""
    return refuse(400, "per-request error")


def unknown_version(model: str, version: int) -> Act:
    """Refuse as for a version that is not there."""
    return refuse(404, f"Request for unknown model: '{model}' version {version} is not found")


@dataclass
class FakeTriton:
    """The server. Use as an asynchronous context manager."""

    path: Path
    live: bool = True
    seen: list[Seen] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)
    by_version: dict[str, Act] = field(default_factory=dict)
    connections: int = 0
    _acts: deque[Act] = field(default_factory=deque)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def then(self, *acts: Act) -> None:
        """Queue what happens to the next inferences."""
        self._acts.extend(acts)

    @property
    def inferences(self) -> list[Seen]:
        """The inferences that have come."""
        return [one for one in self.seen if one.path.endswith("/infer")]

    async def start(self) -> None:
        """Listen."""
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def stop(self) -> None:
        """Die: every connection ends and nobody listens any more."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections += 1
        self._open.add(writer)
        self._tasks.add(task)
        try:
            with contextlib.suppress(
                asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
            ):
                while True:
                    await self._answer(Exchange(await _read(reader), writer))
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, exchange: Exchange) -> None:
        self.seen.append(exchange.seen)
        path = exchange.seen.path
        if path.endswith("/infer"):
            act = self.by_version.get(exchange.seen.version, identity)
            await (self._acts.popleft() if self._acts else act)(exchange)
        elif path == "/v2/health/live":
            await exchange.send(exchange.reply(200 if self.live else 400, b""))
        elif path in self.documents:
            await exchange.send(exchange.reply(200, self.documents[path]))
        else:
            await refuse(404, "no such path in the fake")(exchange)


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *lines = head[:-4].split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (one.partition(":") for one in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, path, _ = line.split(" ")
    return Seen(method, path, headers, body)
