"""Webhooks, against services on real sockets: good, slow, failing, hostile."""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from control.controller.announcement import Announcement
from control.controller.webhooks import call
from control.controller.webhooks.webhooks import Answer, HookKind, Webhooks
from control.core.rollout_phases import Phase
from control.webhook_settings import WebhookSettings
from tests.support.polls import eventually

ABOUT = Announcement("m", 3, Phase.CANARY, 5.0, "it answers 5 % of the requests", "r1", 1.5)
ASKED = [HookKind.PRE_ROLLOUT, HookKind.ROLLOUT, HookKind.ROLLBACK]
MUST_AGREE = [HookKind.PRE_ROLLOUT, HookKind.ROLLOUT]

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    """One request as a service got it."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Service:
    """A tiny server: it answers its requests with ``answers`` in turn, the last for ever."""

    answers: list[bytes | Behaviour]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End it with all that is open."""
        assert self._server is not None
        self._server.close()
        for task in [one for one in self._open if one]:
            task.cancel()

    @property
    def url(self) -> str:
        """Where it is asked, with a secret in it."""
        return f"http://127.0.0.1:{self.port}/hook/geheim?key=geheim"

    async def _serve(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        self._open.add(asyncio.current_task())
        try:
            head = (await incoming.readuntil(b"\r\n\r\n")).decode()
            line, *lines = head.strip().split("\r\n")
            headers = {one.split(": ", 1)[0].lower(): one.split(": ", 1)[1] for one in lines}
            body = await incoming.readexactly(int(headers["content-length"]))
            self.asked.append(Asked(line, headers, body))
            answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
            if isinstance(answer, bytes):
                outgoing.write(answer)
                await outgoing.drain()
            else:
                await answer(incoming, outgoing)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            outgoing.transport.abort() if self.answers[-1] is reset else outgoing.close()


def status(code: int, body: bytes = b"", *headers: str) -> bytes:
    """An answer."""
    lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def never(incoming: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing until the other side leaves."""
    await incoming.read()


async def reset(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Hang up."""


async def drip(_: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
    """Send a head that never ends, byte by byte: each of them resets a timeout for one read."""
    outgoing.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        outgoing.write(b"x")
        await outgoing.drain()
        await asyncio.sleep(0.01)


async def endless_head(_: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
    """Send header after header, as fast as they are taken."""
    outgoing.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        outgoing.write(b"X: " + b"x" * 8000 + b"\r\n")
        await outgoing.drain()


async def endless_body(_: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
    """Answer well, and go on for ever."""
    outgoing.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        outgoing.write(bytes(100_000))
        await outgoing.drain()


async def body_that_stalls(incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
    """Answer well, and never end the body."""
    outgoing.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123")
    await incoming.read()


class Pauses:
    """Takes the place of sleeping: remembers, and goes on at once."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    """The pauses between tries."""
    return Pauses()


@pytest.fixture
async def service() -> AsyncIterator[Callable[..., Awaitable[Service]]]:
    """Give what starts a service for one test."""
    started: list[Service] = []

    async def start(*answers: bytes | Behaviour, tls: ssl.SSLContext | None = None) -> Service:
        one = Service(list(answers))
        await one.start(tls)
        started.append(one)
        return one

    yield start
    for one in started:
        await one.stop()


def hooks(pauses: Pauses, **settings: object) -> Webhooks:
    """Webhooks that draw one half, and do not really pause."""
    return Webhooks(WebhookSettings(**settings), draw=lambda: 0.5, sleep=pauses)


def own_certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody but itself has signed, and a server's use of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, both = directory / "certificate.pem", directory / "both.pem"
    encoding = serialization.Encoding.PEM
    file.write_bytes(certificate.public_bytes(encoding))
    form, secrecy = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    both.write_bytes(key.private_bytes(encoding, form, secrecy) + file.read_bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(both)
    return file, tls


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("kind", ASKED)
async def test_without_webhooks_nothing_stands_in_the_way(pauses, kind):
    """Nobody is asked: steps go on, and nothing is rolled back."""
    assert not hooks(pauses).has(kind)
    assert await hooks(pauses).ask(kind, ABOUT) == Answer(ok=kind is not HookKind.ROLLBACK)


async def test_a_service_is_asked_by_a_plain_post(service, pauses):
    """One JSON document, with all that a script may want to know."""
    asked = await service(status(200))
    webhooks = hooks(pauses, pre_rollout=[asked.url])
    assert [kind for kind in HookKind if webhooks.has(kind)] == [HookKind.PRE_ROLLOUT]
    assert await webhooks.ask(HookKind.PRE_ROLLOUT, ABOUT) == Answer(ok=True)
    (one,) = asked.asked
    assert one.line == "POST /hook/geheim?key=geheim HTTP/1.1"
    assert one.headers["host"] == f"127.0.0.1:{asked.port}"
    assert one.headers["content-type"] == "application/json"
    assert "seawall-signature" not in one.headers
    assert "authorization" not in one.headers
    assert json.loads(one.body) == {
        "kind": "pre_rollout",
        "model": "m",
        "version": 3,
        "phase": "canary",
        "weight": 5.0,
        "reason": "it answers 5 % of the requests",
        "rollout": "r1",
        "at": "1970-01-01T00:00:01.500Z",
    }


async def test_a_secret_signs_the_body(service, pauses):
    """Who has the secret can tell that it was Seawall, and that nothing was changed."""
    asked = await service(status(204))
    await hooks(pauses, rollout=[asked.url], secret="geheim").ask(HookKind.ROLLOUT, ABOUT)
    (one,) = asked.asked
    digest = hmac.new(b"geheim", one.body, hashlib.sha256).hexdigest()
    assert one.headers["seawall-signature"] == f"sha256={digest}"


async def test_a_url_may_carry_user_and_password(service, pauses):
    """They go where servers look for them, and not into the host."""
    asked = await service(status(200))
    url = f"http://me:ge%3Aheim@127.0.0.1:{asked.port}"
    await hooks(pauses, rollout=[url]).ask(HookKind.ROLLOUT, ABOUT)
    (one,) = asked.asked
    assert one.line == "POST / HTTP/1.1"
    assert one.headers["authorization"] == "Basic bWU6Z2U6aGVpbQ=="
    assert one.headers["host"] == f"127.0.0.1:{asked.port}"


@pytest.mark.parametrize("kind", MUST_AGREE)
@pytest.mark.parametrize("code", [200, 201, 204, 299])
async def test_any_2xx_agrees(service, pauses, kind, code):
    """The status is the answer, the body is not looked at."""
    asked = await service(status(code))
    assert (await hooks(pauses, **{kind.value: [asked.url]}).ask(kind, ABOUT)).ok
    assert len(asked.asked) == 1


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("code", [400, 401, 403, 404, 409])
async def test_a_refusal_is_not_asked_again(service, pauses, kind, code):
    """A service that says no has answered. For a rollback, that is the usual answer."""
    asked = await service(status(code, b"load test failed\nmore"))
    answer = await hooks(pauses, **{kind.value: [asked.url]}).ask(kind, ABOUT)
    assert (answer.ok, len(asked.asked), pauses.slept) == (False, 1, [])
    if kind is HookKind.ROLLBACK:
        assert answer.reason == ""
    else:
        place = f"127.0.0.1:{asked.port}"
        told = f"the {kind.value} webhook at {place} answered {code}: load test failed"
        assert answer.reason == told


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
async def test_a_service_in_trouble_is_asked_again(service, pauses, code):
    """A bounded number of times, with growing and jittered pauses; the first good answer counts."""
    asked = await service(status(code), status(code), status(200))
    settings = {"pre_rollout": [asked.url], "num_retries": 5}
    assert (await hooks(pauses, **settings).ask(HookKind.PRE_ROLLOUT, ABOUT)).ok
    assert len(asked.asked) == 3
    assert pauses.slept == [0.125, 0.375]


async def test_tries_are_bounded_and_so_are_pauses(service, pauses):
    """After the last one, its answer is what counts."""
    asked = await service(status(503, b"overloaded"))
    settings = {"rollout": [asked.url], "num_retries": 10}
    answer = await hooks(pauses, **settings).ask(HookKind.ROLLOUT, ABOUT)
    assert (answer.ok, len(asked.asked)) == (False, 11)
    assert answer.reason.endswith("answered 503: overloaded")
    assert max(pauses.slept) == 2.5
    assert len({one.body for one in asked.asked}) == 1


async def test_a_redirect_is_not_followed(service, pauses):
    """Who answers elsewhere was not named in the settings."""
    other = await service(status(200))
    asked = await service(status(307, b"", f"Location: {other.url}"))
    answer = await hooks(pauses, pre_rollout=[asked.url]).ask(HookKind.PRE_ROLLOUT, ABOUT)
    assert not answer.ok
    assert answer.reason.endswith("answered 307: redirects are not followed")
    assert (len(asked.asked), other.asked) == (1, [])


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (never, "did not answer within 0.2 s"),
        (drip, "did not answer within 0.2 s"),
        (reset, "closed the connection without an answer"),
        (endless_head, "answers with a head of more than 65536 bytes"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 999999 X\r\n\r\n", "does not answer in HTTP"),
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\n", "closed the connection without an answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "closed the connection without an answer"),
    ],
)
async def test_what_is_no_answer_is_none(service, pauses, behaviour, told):
    """Each try has its whole time and no more; the reason names the host alone."""
    asked = await service(behaviour)
    settings = {"pre_rollout": [asked.url], "timeout_s": 0.2, "num_retries": 1}
    async with asyncio.timeout(5.0):
        answer = await hooks(pauses, **settings).ask(HookKind.PRE_ROLLOUT, ABOUT)
    place = f"127.0.0.1:{asked.port}"
    assert answer == Answer(ok=False, reason=f"the pre_rollout webhook at {place} {told}")
    assert len(asked.asked) == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        endless_body,
        body_that_stalls,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nbody",
        status(200) + b"and what nobody asked for",
    ],
)
async def test_the_status_is_the_answer(service, pauses, behaviour):
    """However long, slow or broken the body is; it is not read beyond its first KiB."""
    asked = await service(behaviour)
    settings = {"pre_rollout": [asked.url], "timeout_s": 0.3, "num_retries": 0}
    async with asyncio.timeout(5.0):
        assert (await hooks(pauses, **settings).ask(HookKind.PRE_ROLLOUT, ABOUT)).ok


async def test_what_a_service_says_is_shown_with_care(service, pauses):
    """One line, shortened, and nothing that a terminal would obey."""
    asked = await service(status(409, b"\x1b[31m\xff no\x07 " + b"x" * 5000))
    answer = await hooks(pauses, rollout=[asked.url]).ask(HookKind.ROLLOUT, ABOUT)
    assert answer.reason.isprintable()
    assert "answered 409: [31m\ufffd no xxx" in answer.reason
    assert len(answer.reason) < 300


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "http://127.0.0.1:{port}/geheim",
            "127.0.0.1:{port} cannot be reached: Connection refused",
        ),
        ("http://a.invalid/geheim", "a.invalid has a name that cannot be resolved"),
    ],
)
async def test_who_cannot_be_reached_has_not_agreed(pauses, url, told):
    """The reason names the host, and nothing of the URL's secrets."""
    port = closed_port()
    settings = {"pre_rollout": [url.format(port=port)], "num_retries": 0}
    answer = await hooks(pauses, **settings).ask(HookKind.PRE_ROLLOUT, ABOUT)
    assert answer == Answer(ok=False, reason=f"the pre_rollout webhook at {told.format(port=port)}")


async def test_a_server_without_tls_is_not_spoken_to_without(service, pauses):
    """What should go out over TLS never goes out in the clear."""
    asked = await service(status(200))
    url = asked.url.replace("http://", "https://")
    settings = {"pre_rollout": [url], "num_retries": 0, "timeout_s": 2.0}
    answer = await hooks(pauses, **settings).ask(HookKind.PRE_ROLLOUT, ABOUT)
    assert not answer.ok
    assert asked.asked == []


async def test_certificates_are_checked(service, pauses, tmp_path, monkeypatch):
    """Nobody else can answer for a service; whom the system trusts, or SSL_CERT_FILE, may."""
    certificate, tls = own_certificate(tmp_path)
    asked = await service(status(200), tls=tls)
    url = asked.url.replace("http://", "https://")
    webhooks = hooks(pauses, pre_rollout=[url], num_retries=0)
    answer = await webhooks.ask(HookKind.PRE_ROLLOUT, ABOUT)
    assert "has a certificate that is not accepted: self-signed certificate" in answer.reason
    assert (answer.ok, asked.asked) == (False, [])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    call._tls.cache_clear()
    try:
        assert await webhooks.ask(HookKind.PRE_ROLLOUT, ABOUT) == Answer(ok=True)
    finally:
        call._tls.cache_clear()


@pytest.mark.parametrize("kind", MUST_AGREE)
async def test_all_must_agree(service, pauses, kind):
    """One refusal is enough, whatever the others say; all are asked at once."""
    good, bad = await service(status(200)), await service(status(403))
    answer = await hooks(pauses, **{kind.value: [good.url, bad.url]}).ask(kind, ABOUT)
    assert not answer.ok
    assert f"127.0.0.1:{bad.port} answered 403" in answer.reason
    assert len(good.asked) == len(bad.asked) == 1


async def test_one_is_enough_to_roll_back(service, pauses):
    """Who is silent or says no to a rollback does not outvote the one that wants it."""
    silent, no, yes = await service(never), await service(status(404)), await service(status(200))
    settings = {"rollback": [silent.url, no.url, yes.url], "timeout_s": 0.2}
    answer = await hooks(pauses, **settings).ask(HookKind.ROLLBACK, ABOUT)
    place = f"127.0.0.1:{yes.port}"
    assert answer == Answer(ok=True, reason=f"the rollback webhook at {place} answered 200")


async def test_nobody_rolls_back_by_being_away(pauses):
    """A service that is down does not take a good version with it."""
    settings = {"rollback": [f"http://127.0.0.1:{closed_port()}"], "num_retries": 0}
    assert await hooks(pauses, **settings).ask(HookKind.ROLLBACK, ABOUT) == Answer(ok=False)


async def test_events_are_told_in_order(service, pauses):
    """To every service of the kind, each change once."""
    first, second = await service(status(200)), await service(status(200))
    webhooks = hooks(pauses, event=[first.url, second.url])
    told = [Announcement("m", n, Phase.LIVE, 100.0, "", "", 0.0) for n in range(1, 6)]
    for one in told:
        webhooks.tell(one)
    running = asyncio.create_task(webhooks.run())
    for service_ in (first, second):
        await eventually(lambda heard=service_: len(heard.asked) == 5, "all is told")
        documents = [json.loads(one.body) for one in service_.asked]
        assert [one["version"] for one in documents] == [1, 2, 3, 4, 5]
        assert {one["kind"] for one in documents} == {"event"}
    running.cancel()


async def test_a_service_that_hangs_keeps_nobody_waiting(service, pauses):
    """Neither who tells, from any thread, nor the other services; what is too much is dropped."""
    hanging, good = await service(never), await service(status(200))
    webhooks = hooks(pauses, event=[hanging.url, good.url])
    running = asyncio.create_task(webhooks.run())
    await asyncio.to_thread(webhooks.tell, ABOUT)
    await eventually(lambda: hanging.asked and good.asked, "both are told")
    for _ in range(300):
        webhooks.tell(ABOUT)
    await eventually(lambda: len(good.asked) > 250, "the good one is told")
    assert len(hanging.asked) == 1
    running.cancel()
    hanging_queue = webhooks._told[0][1]
    lost, waiting = await hanging_queue.take()
    assert (lost, len(waiting)) == (44, 256)


async def test_a_failing_service_is_logged_without_its_secrets(service, pauses, capsys):
    """Its host and its answer, not the URL nor the key that signs."""
    asked = await service(status(410))
    webhooks = hooks(pauses, event=[asked.url], secret="geheim")
    webhooks.tell(ABOUT)
    running = asyncio.create_task(webhooks.run())
    told = ""

    def is_logged() -> bool:
        nonlocal told
        told += capsys.readouterr().out
        return "webhook_failed" in told

    await eventually(is_logged, "the failure is logged")
    running.cancel()
    assert f"127.0.0.1:{asked.port} answered 410" in told
    assert "geheim" not in told
    assert len(asked.asked) == 1


async def test_telling_goes_on_where_nobody_is_to_be_told(pauses):
    """Whoever waits for the end of it waits for ever."""
    webhooks = hooks(pauses)
    webhooks.tell(ABOUT)
    running = asyncio.create_task(webhooks.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
