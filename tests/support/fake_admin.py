"""An admin API that is none: it says what a test wants it to say."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self


class FakeAdmin:
    """Answers every GET with one document, and remembers what was asked.

    Use as a context manager. Document and status may change at any time; bytes are sent as they
    are, anything else as JSON.
    """

    def __init__(self, document: Any, status: int = 200) -> None:
        self.document = document
        self.status = status
        self.asked: list[str] = []
        self._server = HTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def write_settings(self, file: Path) -> None:
        """Write settings by which commands find it."""
        file.write_text(f'[admin]\nhttp = "127.0.0.1:{self._server.server_port}"\n')


def _handler_of(fake: FakeAdmin) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.asked.append(self.path)
            told = fake.document
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(fake.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
