"""Runs a WSGI application (Flask) for whole requests, on threads beside the event loop."""

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from control.http.messages import Reply, Request

_NOT_FORWARDED = frozenset({b"content-type", b"content-length", b"transfer-encoding"})

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class WsgiLane:
    """Bodies are read before a thread is taken, so slow clients hold no thread."""

    def __init__(self, app: WsgiApp, *, threads: int) -> None:
        """Run ``app`` on up to ``threads`` threads."""
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="flask")

    async def handle(self, request: Request) -> Reply:
        """Answer one request through the application; raises what the application raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, request)

    def _run(self, request: Request) -> Reply:
        status = 500
        headers: list[tuple[str, str]] = []

        def start_response(
            line: str, given: list[tuple[str, str]], _exc_info: object = None
        ) -> Callable[[bytes], None]:
            nonlocal status, headers
            status, headers = int(line.split(" ", 1)[0]), given
            return _no_write

        result = self._app(_environ(request), start_response)
        try:
            body = [part for part in result if part]
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        return _reply(status, headers, body)


def _no_write(_data: bytes) -> None:
    """PEP 3333's write callable: no application here uses it."""
    message = "the write callable is not supported: return the body instead"
    raise NotImplementedError(message)


def _reply(status: int, headers: list[tuple[str, str]], body: list[bytes]) -> Reply:
    content_type = b"text/plain"
    kept: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        match name.lower():
            case "content-type":
                content_type = value.encode("latin-1")
            case "content-length" | "connection" | "transfer-encoding":
                continue  # the connection writes its own
            case _:
                kept.append((name.encode("latin-1"), value.encode("latin-1")))
    return Reply(status, body, content_type=content_type, headers=kept)


def _environ(request: Request) -> dict[str, Any]:
    headers = request.headers
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("ascii"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "CONTENT_TYPE": headers.get(b"content-type", b"").decode("latin-1"),
        "CONTENT_LENGTH": str(len(request.body)),
        "REMOTE_ADDR": request.peer,
        "SERVER_NAME": "seawall",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,  # it ends by itself: nobody need copy it piece by piece
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        # an underscore would take the place of the dash of another header: such names are dropped
        if name not in _NOT_FORWARDED and b"_" not in name:
            key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
            environ[key] = value.decode("latin-1")
    return environ
