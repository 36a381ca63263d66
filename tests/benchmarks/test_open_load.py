"""The open-loop load generator itself, against a small server that answers as each test wants."""

import contextlib
import dataclasses
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.load import LoadFailed, build_load_generator
from benchmarks.overload.open_load import OpenLoad, OpenLoadResult, Pressure, Stream
from benchmarks.overload.records import ANSWERED, BROKEN, NO_ANSWER, NO_CONNECTION
from benchmarks.overload.traffic import read_answer
from benchmarks.targets import UnixAddress

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BODY = b'{"error":"no room","code":"overloaded","request_id":"7"}'
REFUSAL = b"HTTP/1.1 503 No\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
SHORT = Pressure(seconds=0.3, wait_s=5.0, connections=1000, sample_every=5)
IMPATIENT = dataclasses.replace(SHORT, wait_s=1.0)

Respond = Callable[[socket.socket, bytes], None]


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the generator once, with all warnings as errors."""
    return build_load_generator(tmp_path_factory.mktemp("build"), "open_load")


@contextlib.contextmanager
def serving(path: Path, respond: Respond) -> Iterator[UnixAddress]:
    """Run a server in a thread per connection; `respond` gets the connection and each request."""

    def converse(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := connection.recv(4096):
                respond(connection, request)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1000)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield UnixAddress(str(path))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    path.unlink()


def streams(tmp_path: Path, *rates: float) -> list[Stream]:
    """Make one class of requests for each rate; a request tells its class and its number."""
    made = []
    for index, rps in enumerate(rates):
        files = [tmp_path / f"{index}-{file}.http" for file in range(2)]
        for file in files:
            file.write_text(f"GET / HTTP/1.1\r\nclass: {index}\r\nnumber: ##########\r\n\r\n")
        made.append(Stream(rps, files))
    return made


def run(
    binary: Path,
    tmp_path: Path,
    respond: Respond,
    pressure: Pressure = SHORT,
    rates: tuple[float, ...] = (100.0, 400.0),
) -> OpenLoadResult:
    """Load a server that responds like this for a moment."""
    with serving(tmp_path / "s.sock", respond) as address:
        return OpenLoad(binary, tmp_path).run(address, pressure, streams(tmp_path, *rates))


def say(answer: bytes) -> Respond:
    """Answer everything with these bytes."""
    return lambda connection, _: connection.sendall(answer)


def test_requests_are_sent_on_time_even_if_no_answer_comes(binary: Path, tmp_path: Path) -> None:
    """The schedule does not wait for the server: that is what open loop means."""
    result = run(binary, tmp_path, lambda *_: None, IMPATIENT)
    records = result.records
    assert set(records["end"]) == {NO_ANSWER}
    assert (records["sent_s"] >= records["scheduled_s"]).all()
    assert (records["ended_s"] - records["scheduled_s"] >= IMPATIENT.wait_s).all()
    assert records["sent_s"].max() < IMPATIENT.seconds + IMPATIENT.wait_s
    assert result.generator.connections_opened == len(records)


def test_each_class_keeps_its_rate(binary: Path, tmp_path: Path) -> None:
    """Over a moment, a Poisson process of a rate gives about that many requests."""
    records = run(binary, tmp_path, say(OK), rates=(300.0, 3000.0)).records
    low, high = (int(np.count_nonzero(records["priority"] == number)) for number in (0, 1))
    assert 50 < low < 140
    assert 780 < high < 1020
    assert (np.diff(records["scheduled_s"]) >= 0).all()


def test_the_schedule_of_a_class_is_always_the_same(binary: Path, tmp_path: Path) -> None:
    """All targets get requests at the same times, whatever the other classes do."""
    runs = [
        run(binary, tmp_path, say(OK), rates=(200.0, other)).records for other in (100.0, 900.0)
    ]
    mine = [records[records["priority"] == 0]["scheduled_s"] for records in runs]
    assert np.array_equal(*mine)


def test_no_two_requests_are_alike(binary: Path, tmp_path: Path) -> None:
    """Every request carries a number of its own, over all runs of one generator."""
    seen: list[bytes] = []

    def note(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(OK)

    with serving(tmp_path / "s.sock", note) as address:
        load = OpenLoad(binary, tmp_path)
        sent = [load.run(address, SHORT, streams(tmp_path, 200.0)).records for _ in range(2)]
    numbers = np.concatenate([records["number"] for records in sent])
    expected = {b"GET / HTTP/1.1\r\nclass: 0\r\nnumber: %010d\r\n\r\n" % one for one in numbers}
    assert len(expected) == len(numbers) == len(seen)
    assert set(seen) == expected


def test_refusals_are_recorded_with_their_code(binary: Path, tmp_path: Path) -> None:
    """Status and error code say why an answer is none."""
    result = run(binary, tmp_path, say(REFUSAL))
    assert set(result.records["end"]) == {ANSWERED}
    assert set(result.records["status"]) == {503}
    assert set(result.records["code"]) == {b"overloaded"}
    assert result.samples == []


def test_degraded_answers_are_told_apart(binary: Path, tmp_path: Path) -> None:
    """A fallback's answer is no answer of the model."""
    degraded = OK.replace(b"\r\n\r\n", b"\r\nSeawall-Degraded: true\r\n\r\n")
    assert (run(binary, tmp_path, say(degraded)).records["degraded"] == 1).all()
    assert (run(binary, tmp_path, say(OK)).records["degraded"] == 0).all()


def test_some_answers_are_kept_whole(binary: Path, tmp_path: Path) -> None:
    """Every so manyth answer can be checked afterwards, with the request that it belongs to."""
    result = run(binary, tmp_path, say(OK))
    expected = [int(one) for one in result.records["number"] if one % SHORT.sample_every == 0]
    assert sorted(sample.number for sample in result.samples) == expected
    assert {(read_answer(sample.answer).body) for sample in result.samples} == {b"ok"}


def test_answers_in_pieces_are_put_together(binary: Path, tmp_path: Path) -> None:
    """An answer may be cut anywhere."""

    def byte_by_byte(connection: socket.socket, _: bytes) -> None:
        for byte in OK:
            connection.sendall(bytes([byte]))

    result = run(binary, tmp_path, byte_by_byte, rates=(50.0,))
    assert set(result.records["status"]) == {200}


def test_an_idle_connection_is_used_again(binary: Path, tmp_path: Path) -> None:
    """Clients keep connections, and open more only where all are busy."""
    result = run(binary, tmp_path, say(OK))
    assert result.generator.connections_opened < len(result.records) / 2


def test_an_announced_close_is_obeyed(binary: Path, tmp_path: Path) -> None:
    """`Connection: close` costs a new connection and no error."""

    def close(connection: socket.socket, _: bytes) -> None:
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        connection.shutdown(socket.SHUT_RDWR)

    result = run(binary, tmp_path, close)
    assert set(result.records["end"]) == {ANSWERED}
    assert result.generator.connections_opened == len(result.records)


def test_a_cut_connection_is_no_answer(binary: Path, tmp_path: Path) -> None:
    """Whoever is hung up on has lost the request at once."""
    result = run(binary, tmp_path, lambda connection, _: connection.shutdown(socket.SHUT_RDWR))
    assert set(result.records["end"]) == {BROKEN}
    assert (result.records["ended_s"] - result.records["scheduled_s"] < SHORT.wait_s).all()


def test_nobody_there_breaks_every_request(binary: Path, tmp_path: Path) -> None:
    """A server that has died is a result, not an end of the measurement."""
    load = OpenLoad(binary, tmp_path)
    address = UnixAddress(str(tmp_path / "none.sock"))
    result = load.run(address, SHORT, streams(tmp_path, 100.0))
    assert set(result.records["end"]) == {BROKEN}


def test_clients_have_no_more_connections_than_they_may(binary: Path, tmp_path: Path) -> None:
    """At the bound a request is lost, and counted."""
    few = dataclasses.replace(IMPATIENT, connections=3)
    result = run(binary, tmp_path, lambda *_: None, few)
    assert result.generator.connections_most == 3
    assert np.count_nonzero(result.records["end"] == NO_CONNECTION) > 0
    assert set(result.records["end"]) == {NO_ANSWER, NO_CONNECTION}


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n", "no Content-Length"),
        (OK + b"surplus", "longer than its Content-Length"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not a final HTTP/1.x answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n", "answer over"),
    ],
)
def test_answers_it_cannot_count_end_the_run(
    binary: Path, tmp_path: Path, answer: bytes, complaint: str
) -> None:
    """What is not understood is never measured."""
    with pytest.raises(LoadFailed, match=complaint):
        run(binary, tmp_path, say(answer))


def test_a_request_without_a_place_for_its_number_is_refused(binary: Path, tmp_path: Path) -> None:
    """Requests that are all alike would measure somebody's cache."""
    file = tmp_path / "same.http"
    file.write_text("GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(LoadFailed, match=r"same\.http: no ##########"):
        OpenLoad(binary, tmp_path).run(UnixAddress("/none"), SHORT, [Stream(1.0, [file])])
