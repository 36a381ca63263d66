"""One POST to another service: its certificate is checked, a redirect is not followed."""

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Final

import control
from control.controller.webhooks.answer_reader import AnswerReader, NoAnswer
from control.http.service_url import ServiceUrl

_READ_BYTES: Final = 4096


async def call(
    url: ServiceUrl, body: bytes, headers: Mapping[str, str], timeout_s: float
) -> tuple[int, str]:
    """Send a JSON document; give the status of the answer and its first words.

    Raises NoAnswer, at the latest after ``timeout_s``.
    """
    reader = AnswerReader()
    try:
        async with asyncio.timeout(timeout_s):
            await _exchange(url, _request(url, body, headers), reader)
    except TimeoutError:
        if not reader.status:
            raise NoAnswer(f"did not answer within {timeout_s:g} s") from None
    except OSError as error:
        if not reader.status:
            raise NoAnswer(_in_words(error)) from None
    if not reader.status:
        raise NoAnswer("closed the connection without an answer")
    return reader.status, reader.words


async def _exchange(url: ServiceUrl, request: bytes, answer: AnswerReader) -> None:
    tls = _tls() if url.is_tls else None
    incoming, outgoing = await asyncio.open_connection(url.host, url.port, ssl=tls)
    try:
        outgoing.write(request)
        while not answer.done:
            data = await incoming.read(_READ_BYTES)
            if not data:
                return
            answer.feed(data)
    finally:
        outgoing.transport.abort()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # once: it reads the certificates of all authorities


def _request(url: ServiceUrl, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"POST {url.target} HTTP/1.1",
        f"Host: {url.name}",
        f"User-Agent: seawall/{control.__version__}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if url.authorization:
        lines.append(f"Authorization: {url.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _in_words(error: OSError) -> str:
    """Say why there is no connection; the system's own text might show more than the host."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not accepted: {error.verify_message}"
        case ssl.SSLError():
            return "does not speak TLS as it should"
        case socket.gaierror():
            return "has a name that cannot be resolved"
    reason = os.strerror(error.errno) if error.errno else "no connection"
    return f"cannot be reached: {reason}"
