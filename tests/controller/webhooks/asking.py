"""Webhooks that are asked here, about one step of a rollout."""

import socket

from control.controller.announcement import Announcement
from control.controller.webhooks.webhooks import HookKind, Webhooks
from control.core.rollout_phases import Phase
from control.webhook_settings import WebhookSettings

ABOUT = Announcement("m", 3, Phase.CANARY, 5.0, "it answers 5 % of the requests", "r1", 1.5)
ASKED = [HookKind.PRE_ROLLOUT, HookKind.ROLLOUT, HookKind.ROLLBACK]
MUST_AGREE = [HookKind.PRE_ROLLOUT, HookKind.ROLLOUT]


class Pauses:
    """Takes the place of sleeping: remembers, and goes on at once."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def hooks(pauses: Pauses, **settings: object) -> Webhooks:
    """Webhooks that draw one half, and do not really pause."""
    return Webhooks(WebhookSettings(**settings), draw=lambda: 0.5, sleep=pauses)


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
