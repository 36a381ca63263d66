"""What a service is asked, and what its answer means."""

import hashlib
import hmac
import json

import pytest

from control.controller.webhooks.webhooks import Answer, HookKind
from tests.controller.webhooks.asking import ABOUT, ASKED, MUST_AGREE, closed_port, hooks
from tests.controller.webhooks.services import never, status


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
