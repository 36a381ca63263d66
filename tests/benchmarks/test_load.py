"""The load generator itself, against a small server that answers as each test wants it to."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.load import Load, LoadFailed, LoadResult, build_load_generator, run_load
from benchmarks.targets import UnixAddress

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

BODY = b"x" * 3_000_000  # more than any socket buffer takes at once
REQUEST = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

Respond = Callable[[socket.socket, int], None]


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the generator once, with all warnings as errors."""
    return build_load_generator(tmp_path_factory.mktemp("build"))


def read_request(connection: socket.socket) -> bool:
    """Take in one whole request; False at the end of the connection."""
    wanted = len(REQUEST)
    while wanted and (chunk := connection.recv(min(wanted, 1 << 20))):
        wanted -= len(chunk)
    return wanted == 0


@contextlib.contextmanager
def serving(path: Path, respond: Respond) -> Iterator[UnixAddress]:
    """Run a server in a thread per connection; `respond` gets the connection and its turn."""

    def converse(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            turn = 0
            while read_request(connection):
                respond(connection, turn)
                turn += 1

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield UnixAddress(str(path))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def run(generator: Path, tmp_path: Path, respond: Respond, connections: int = 2) -> LoadResult:
    """Load a server that responds like this for a moment."""
    request = tmp_path / "request.http"
    request.write_bytes(REQUEST)
    with serving(tmp_path / "s.sock", respond) as address:
        return run_load(generator, address, Load(connections, 0.1, 0.3), [request])


def test_counts_answers_to_large_requests(generator: Path, tmp_path: Path) -> None:
    """Requests that need many writes arrive whole, and every answer counts once."""
    result = run(generator, tmp_path, lambda connection, _: connection.sendall(OK))
    assert result.statuses == {"200": result.total_requests}
    assert 0 < result.requests <= result.total_requests
    assert 0 < result.p50_us <= result.p90_us <= result.p99_us <= result.p999_us <= result.max_us
    assert (result.transport_errors, result.reconnects) == (0, 0)


def test_answers_may_come_in_pieces(generator: Path, tmp_path: Path) -> None:
    """A head that is cut anywhere is put together again."""

    def byte_by_byte(connection: socket.socket, _: int) -> None:
        for byte in OK:
            connection.sendall(bytes([byte]))

    result = run(generator, tmp_path, byte_by_byte)
    assert result.statuses == {"200": result.total_requests}


def test_statuses_are_counted_apart(generator: Path, tmp_path: Path) -> None:
    """A refusal is never counted as an answer."""

    def every_other(connection: socket.socket, turn: int) -> None:
        connection.sendall(OK if turn % 2 else OK.replace(b"200 OK", b"503 No"))

    result = run(generator, tmp_path, every_other)
    assert set(result.statuses) == {"200", "503"}
    assert sum(result.statuses.values()) == result.total_requests


def test_lost_connections_are_counted_and_replaced(generator: Path, tmp_path: Path) -> None:
    """A server that hangs up costs an error each time, and the load goes on."""

    def hang_up(connection: socket.socket, turn: int) -> None:
        if turn:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(OK)

    result = run(generator, tmp_path, hang_up)
    assert result.transport_errors > 0
    assert result.reconnects > 0
    assert result.requests > 0


def test_announced_close_is_no_error(generator: Path, tmp_path: Path) -> None:
    """`Connection: close` is obeyed with a new connection."""
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    result = run(generator, tmp_path, lambda connection, _: connection.sendall(closing))
    assert result.transport_errors == 0
    assert result.reconnects > 0


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "chunked"),
        (b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n", "no Content-Length"),
        (OK + b"surplus", "longer than its Content-Length"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not a final HTTP/1.x answer"),
    ],
)
def test_answers_it_cannot_count_end_the_run(
    generator: Path, tmp_path: Path, answer: bytes, complaint: str
) -> None:
    """What is not understood is never measured."""
    with pytest.raises(LoadFailed, match=complaint):
        run(generator, tmp_path, lambda connection, _: connection.sendall(answer), connections=1)


def test_nobody_there_is_an_error(generator: Path, tmp_path: Path) -> None:
    """A missing server is reported at once."""
    request = tmp_path / "request.http"
    request.write_bytes(REQUEST)
    with pytest.raises(LoadFailed, match="connect"):
        run_load(generator, UnixAddress(str(tmp_path / "none")), Load(1, 0.0, 0.1), [request])
