"""gzip and deflate, both ways, under a size limit and away from the event loop when large."""

import asyncio
import zlib
from collections.abc import Sequence
from typing import Final

from control.core.tensors import Buffer
from control.errors import MalformedRequest, TooLarge

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_OFF_LOOP_BYTES: Final = 32 * 1024
#: Smaller answers are sent as they are: compressing them costs more than it saves.
_MIN_COMPRESSED_BYTES: Final = 1024
_LEVEL: Final = 1


async def decompress(body: Buffer, encoding: bytes, max_bytes: int) -> Buffer:
    """Undo a request's Content-Encoding; raises TooLarge beyond ``max_bytes`` of output."""
    encoding = encoding.strip().lower()
    if encoding in {b"", b"identity"}:
        return body
    if encoding not in {b"gzip", b"deflate"}:
        message = "Content-Encoding must be gzip, deflate or identity"
        raise MalformedRequest(message, status=415)
    window = _GZIP_WINDOW if encoding == b"gzip" else zlib.MAX_WBITS
    if len(body) < _OFF_LOOP_BYTES // 8:
        return _inflate(body, window, max_bytes)
    return await asyncio.to_thread(_inflate, body, window, max_bytes)


def _inflate(body: Buffer, window: int, max_bytes: int) -> bytes:
    machine = zlib.decompressobj(window)
    try:
        data = machine.decompress(body, max_bytes + 1)
    except zlib.error as error:
        message = f"compressed body is broken: {error}"
        raise MalformedRequest(message) from error
    if len(data) > max_bytes:
        message = f"body decompresses to more than {max_bytes} bytes"
        raise TooLarge(message)
    if not machine.eof or machine.unused_data:
        message = "compressed body is cut off, or followed by other bytes"
        raise MalformedRequest(message)
    return data


def choose_encoding(accept: bytes | None) -> bytes:
    """Choose gzip or deflate where the client accepts it, else nothing."""
    if not accept:
        return b""
    weights: dict[bytes, float] = {}
    for item in accept.lower().split(b","):
        name, _, weight = item.partition(b";")
        try:
            weights[name.strip()] = float(weight.split(b"=")[-1]) if weight else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return next((name for name in (b"gzip", b"deflate") if weights.get(name, 0.0) > 0.0), b"")


async def compress(parts: Sequence[Buffer], encoding: bytes) -> tuple[Sequence[Buffer], bytes]:
    """Compress a body in parts; give it unchanged, with no encoding, where that would not pay."""
    size = sum(map(len, parts))
    if not encoding or size < _MIN_COMPRESSED_BYTES:
        return parts, b""
    if size < _OFF_LOOP_BYTES:
        return [_deflate(parts, encoding)], encoding
    return [await asyncio.to_thread(_deflate, parts, encoding)], encoding


def _deflate(parts: Sequence[Buffer], encoding: bytes) -> bytes:
    window = _GZIP_WINDOW if encoding == b"gzip" else zlib.MAX_WBITS
    machine = zlib.compressobj(_LEVEL, wbits=window)
    return b"".join([*map(machine.compress, parts), machine.flush()])
