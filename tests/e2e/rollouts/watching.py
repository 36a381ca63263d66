"""Waits for what a rollout does, seen as an operator sees it."""

import json
import time
import urllib.error
from datetime import datetime
from typing import Any

from tests.e2e.rollouts.versions import MODEL
from tests.support.stack import Stack, wait_until


def rollout(stack: Stack, model: str = MODEL) -> dict[str, Any]:
    """The admin API's document of a model's rollout; empty while the controller is away."""
    try:
        document: dict[str, Any] = stack.ask_admin("GET", f"/models/{model}/rollout")
    except (OSError, urllib.error.URLError):
        return {"versions": [], "rollout": None}
    return document


def version(stack: Stack, number: int, model: str = MODEL) -> dict[str, Any]:
    """One version in it; empty where it is not known."""
    versions = rollout(stack, model)["versions"]
    return next((one for one in versions if one["version"] == number), {})


def phase(stack: Stack, number: int, model: str = MODEL) -> str:
    """A version's phase."""
    return str(version(stack, number, model).get("phase", ""))


def wait_for(
    stack: Stack, number: int, *phases: str, model: str = MODEL, timeout_s: float = 90.0
) -> dict[str, Any]:
    """Wait until a version is in one of these phases; give what is known of it then."""
    seen: list[str] = []

    def there() -> dict[str, Any] | None:
        known = version(stack, number, model)
        now = f"{known.get('phase')}: {known.get('reason')}"
        if not seen or seen[-1] != now:
            seen.append(now)
        return known if known.get("phase") in phases else None

    try:
        found: dict[str, Any] = wait_until(there, f"{model}/{number} is {phases}", timeout_s)
    except AssertionError as error:
        raise AssertionError(f"{error}; it was {seen}") from error
    return found


def stopped_s(stack: Stack) -> float:
    """When a canary was first stopped, by the logs, on the monotonic clock.

    By the gateway that saw it fail, or by the controller, which weighs what all gateways saw.
    """
    events = [json.loads(line) for line in stack.log.read_text().splitlines() if line[:1] == "{"]
    stops = [
        one["timestamp"]
        for one in events
        if one["event"] == "canary_stopped" or one.get("action") == "rolled_back"
    ]
    assert stops, "nobody has stopped a canary"
    at = datetime.fromisoformat(stops[0])
    return at.timestamp() - (time.time() - time.monotonic())
