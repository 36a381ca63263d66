"""Requests and replies as the front reads and writes them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from control.core.tensors import Buffer

Headers = Mapping[bytes, bytes]

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_STATUS_LINES = {
    status: b"HTTP/1.1 %d %s\r\n" % (status, reason) for status, reason in _REASONS.items()
}


@dataclass(slots=True)
class Request:
    """One complete request. Header names are lower case; repeated ones are joined by a comma."""

    method: bytes
    path: bytes
    query: bytes
    headers: Headers
    body: Buffer
    peer: str = ""


@dataclass(slots=True)
class Reply:
    """One complete answer. ``body`` is written part by part, never joined."""

    status: int
    body: Sequence[Buffer]
    content_type: bytes = b"application/json"
    headers: Sequence[tuple[bytes, bytes]] = ()

    def head(self, *, keep_alive: bool) -> bytes:
        """Give the status line and headers, with the exact length of the body."""
        length = sum(map(len, self.body))
        lines = [
            _STATUS_LINES.get(self.status) or b"HTTP/1.1 %d \r\n" % self.status,
            b"Content-Type: %b\r\nContent-Length: %d\r\n" % (self.content_type, length),
        ]
        lines += [b"%b: %b\r\n" % header for header in self.headers]
        lines.append(b"\r\n" if keep_alive else b"Connection: close\r\n\r\n")
        return b"".join(lines)


@dataclass(slots=True)
class StreamReply:
    """An answer without a known end: each of its parts goes out as it comes.

    Its end is the end of the connection. ``parts`` is closed when the client has gone, and when
    the front drains.
    """

    status: int
    parts: AsyncGenerator[bytes, None]
    content_type: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()

    def head(self) -> bytes:
        """Give the status line and headers."""
        lines = [_STATUS_LINES[self.status], b"Content-Type: %b\r\n" % self.content_type]
        lines += [b"%b: %b\r\n" % header for header in self.headers]
        return b"".join([*lines, b"Connection: close\r\n\r\n"])
