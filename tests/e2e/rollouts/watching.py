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


def stopped_s(stack: Stack, number: int = 2) -> tuple[float, float]:
    """When a version was stopped, and when that was durable, by the logs, on the monotonic clock.

    It is stopped by the gateway that saw it fail, or with the durable step by the controller, which
    weighs what all gateways saw.
    """
    events = [json.loads(line) for line in stack.log.read_text().splitlines() if line[:1] == "{"]
    verified = max(
        (one["timestamp"] for one in events if _is_of(one, "version_verified", number)), default=""
    )
    durable = [
        one["timestamp"]
        for one in events
        if one["event"] == "rollout_step"
        and one["action"] == "rolled_back"
        and one["timestamp"] > verified
    ]
    assert durable, f"version {number} was not rolled back"
    stopped = [one["timestamp"] for one in events if _is_of(one, "canary_stopped", number)]
    return _monotonic(min([*stopped, durable[0]])), _monotonic(durable[0])


def _is_of(event: dict[str, Any], name: str, number: int) -> bool:
    return bool(event["event"] == name and event["version"] == number)


def _monotonic(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp() - (time.time() - time.monotonic())
