"""Asks other services whether a rollout may go on, and tells them of it, as Flagger does."""

import asyncio
import hashlib
import hmac
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from control.controller.announcement import Announcement
from control.controller.dropping_queue import DroppingQueue
from control.controller.webhooks.answer_reader import NoAnswer
from control.controller.webhooks.call import call
from control.core.protection import RetryPolicy
from control.core.retries import backoff_s
from control.http.service_url import ServiceUrl
from control.observability.logs import get_logger
from control.webhook_settings import WebhookSettings

#: Announcements that wait for one service; beyond it the oldest are not told to it.
_QUEUED: Final = 256
_BACKOFF: Final = RetryPolicy(base_interval_s=0.25, max_interval_s=5.0)
_GOOD: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERRORS: Final = range(500, 600)

_log = get_logger("webhooks")


class HookKind(Enum):
    """What a webhook is for.

    PRE_ROLLOUT  asked before a version gets any traffic; all must agree.
    ROLLOUT      asked at the end of each step; all must agree.
    ROLLBACK     asked all along; one that agrees is enough.
    EVENT        told of changes, as far as it is reached; its answer means nothing.
    """

    PRE_ROLLOUT = "pre_rollout"
    ROLLOUT = "rollout"
    ROLLBACK = "rollback"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the webhooks of a kind say together.

    ``ok`` lets the rollout go on, but for ROLLBACK, where it takes the version out. ``reason`` is a
    sentence that names the service, empty where nothing needs one.
    """

    ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How one call ended, after its tries; ``status`` 0 is without an answer."""

    name: str
    status: int
    words: str

    @property
    def is_good(self) -> bool:
        return self.status in _GOOD

    @property
    def may_change(self) -> bool:
        """Whether another try may bring another answer."""
        is_busy = self.status == _TOO_MANY_REQUESTS or self.status in _SERVER_ERRORS
        return self.status == 0 or is_busy

    def in_words(self, kind: HookKind) -> str:
        who = f"the {kind.value} webhook at {self.name}"
        if self.status == 0:
            return f"{who} {self.words}"
        if self.status in _REDIRECTS:
            return f"{who} answered {self.status}: redirects are not followed"
        return f"{who} answered {self.status}{self.words and f': {self.words}'}"


class Webhooks:
    """All webhooks of a Seawall. ``ask`` belongs to the event loop; any thread may ``tell``."""

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        draw: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Call what ``settings`` name; pauses between tries are drawn, and slept."""
        self._settings = settings
        self._draw = draw
        self._sleep = sleep
        self._urls: Mapping[HookKind, list[ServiceUrl]] = {
            kind: [ServiceUrl.parse(url) for url in getattr(settings, kind.value)]
            for kind in HookKind
        }
        self._told = [
            (url, DroppingQueue[Announcement](_QUEUED)) for url in self._urls[HookKind.EVENT]
        ]

    def has(self, kind: HookKind) -> bool:
        """Whether there is anyone to ask, or to tell."""
        return bool(self._urls[kind])

    async def ask(self, kind: HookKind, about: Announcement) -> Answer:
        """Ask all webhooks of a kind at once; each has its tries, and a bounded time for each."""
        body = _body(kind, about)
        outcomes = await asyncio.gather(*(self._send(url, kind, body) for url in self._urls[kind]))
        if kind is HookKind.ROLLBACK:
            agreed = [one.in_words(kind) for one in outcomes if one.is_good]
            return Answer(ok=bool(agreed), reason=agreed[0] if agreed else "")
        refused = [one.in_words(kind) for one in outcomes if not one.is_good]
        return Answer(ok=not refused, reason=refused[0] if refused else "")

    def tell(self, about: Announcement) -> None:
        """Have the webhooks of the kind ``event`` told, in order, by ``run``; returns at once."""
        for _, queue in self._told:
            queue.put(about)

    async def run(self) -> None:
        """Tell for ever what there is to tell; one slow service keeps no other waiting."""
        async with asyncio.TaskGroup() as services:
            for url, queue in self._told:
                services.create_task(self._tell_one(url, queue))
        await asyncio.Event().wait()  # there is nobody to tell

    async def _tell_one(self, url: ServiceUrl, queue: DroppingQueue[Announcement]) -> None:
        while True:
            lost, announcements = await queue.take()
            if lost:
                _log.warning("webhook_too_slow", host=url.name, lost=lost)
            for about in announcements:
                await self._send(url, HookKind.EVENT, _body(HookKind.EVENT, about))

    async def _send(self, url: ServiceUrl, kind: HookKind, body: bytes) -> _Outcome:
        outcome = await self._try(url, body)
        for retry in range(1, self._settings.num_retries + 1):
            if not outcome.may_change:
                break
            await self._sleep(backoff_s(_BACKOFF, retry, self._draw()))
            outcome = await self._try(url, body)
        if not outcome.is_good and (outcome.may_change or kind is HookKind.EVENT):
            _log.warning("webhook_failed", kind=kind.value, reason=outcome.in_words(kind))
        return outcome

    async def _try(self, url: ServiceUrl, body: bytes) -> _Outcome:
        try:
            status, words = await call(url, body, self._signature(body), self._settings.timeout_s)
        except NoAnswer as error:
            return _Outcome(url.name, 0, str(error))
        except Exception as error:  # noqa: BLE001 - another's answer: whatever it is must end nothing
            _log.error("unforeseen_failure", host=url.name, exc_info=error)
            return _Outcome(url.name, 0, f"cannot be understood: {type(error).__name__}")
        return _Outcome(url.name, status, words)

    def _signature(self, body: bytes) -> Mapping[str, str]:
        """Give the header that proves who sends this body; none without a secret."""
        secret = self._settings.secret.encode()
        if not secret:
            return {}
        digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
        return {"seawall-signature": f"sha256={digest}"}


def _body(kind: HookKind, about: Announcement) -> bytes:
    return json.dumps(about.as_webhook(kind.value)).encode()
