"""Waits until nobody calls versions any more that are about to be unloaded."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from control.controller.guards import GuardWatch
from control.observability.logs import get_logger

#: Gateways report each second what they have in flight: so long an old report may speak.
_REPORTED_S: Final = 2.5
_POLL_S: Final = 0.25

_log = get_logger("rollouts")


class Quiet:
    """Belongs to the event loop."""

    def __init__(self, guards: GuardWatch, take_effect: Callable[[], Awaitable[None]]) -> None:
        """Ask ``guards`` what is in flight, once ``take_effect`` says that no more is sent."""
        self._guards = guards
        self._take_effect = take_effect

    async def __call__(self, model: str, versions: frozenset[int], patience_s: float) -> bool:
        """Wait until no gateway has a call of these versions under way, or waiting.

        False where there still is one after ``patience_s``: it hangs, and has been given up.
        """
        await self._take_effect()
        await asyncio.sleep(_REPORTED_S)
        try:
            async with asyncio.timeout(patience_s):
                while any(self._is_called(model, version) for version in versions):
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            _log.warning("unloaded_while_called", model=model, versions=sorted(versions))
            return False
        return True

    def _is_called(self, model: str, version: int) -> bool:
        reports = self._guards.of_version(model, version).values()
        admissions = [one.admission for one in reports if one.admission is not None]
        return any(one.in_flight or one.queued for one in admissions)
