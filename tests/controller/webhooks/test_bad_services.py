"""Services that fail, hang, lie, or are not who they should be: none of them has agreed."""

import asyncio

import pytest

from control.controller.webhooks import webhooks as webhooks_module
from control.controller.webhooks.webhooks import Answer, HookKind
from tests.controller.webhooks.asking import ABOUT, closed_port, hooks
from tests.controller.webhooks.services import (
    body_that_stalls,
    drip,
    endless_body,
    endless_head,
    never,
    reset,
    status,
)


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


_UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


async def test_a_service_that_would_speak_another_protocol_has_not_agreed(service, pauses):
    """It has answered, with a status as any other: it is not asked again and again."""
    asked = await service(_UPGRADE)
    answer = await hooks(pauses, pre_rollout=[asked.url]).ask(HookKind.PRE_ROLLOUT, ABOUT)
    told = f"the pre_rollout webhook at 127.0.0.1:{asked.port} answered 101"
    assert answer == Answer(ok=False, reason=told)
    assert len(asked.asked) == 1


async def test_what_nobody_has_foreseen_is_no_answer(service, pauses, monkeypatch, capsys):
    """It ends nothing but the call; the log has all of it."""

    async def fail(*_: object) -> None:
        raise RuntimeError("unheard of")

    monkeypatch.setattr(webhooks_module, "call", fail)
    asked = await service(status(200))
    settings = {"rollout": [asked.url], "num_retries": 1}
    answer = await hooks(pauses, **settings).ask(HookKind.ROLLOUT, ABOUT)
    assert answer.reason.endswith("cannot be understood: RuntimeError")
    assert len(pauses.slept) == 1
    assert "RuntimeError: unheard of" in capsys.readouterr().out


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
