"""Which of several controllers on one database drives rollouts forward."""

import asyncio
import contextlib
from typing import Final

from control.controller.forever import run_for_ever
from control.errors import StateUnavailable
from control.observability.logs import get_logger
from control.state.leases import Lease, LeaseStore

NAME: Final = "rollouts"
_TTL_S: Final = 6.0
_RENEW_S: Final = 1.5
_LEADING: Final = "leading"
_FOLLOWING: Final = "following"
_LEADERLESS: Final = "without_a_leader"

_log = get_logger("rollouts")


class Lead:
    """Holds a lease for as long as it can; belongs to the event loop.

    A holder that is called the same after a restart goes on at once: no two of one name run.
    """

    def __init__(self, leases: LeaseStore, holder: str) -> None:
        """Ask ``leases`` in the name of ``holder``."""
        self._leases = leases
        self._holder = holder
        self.lease: Lease | None = None
        self._standing = ""

    def held_up_by(self) -> str:
        """Say why no rollout goes forward; empty where this controller leads, or another one does.

        Any thread may call.
        """
        is_known = self._standing != _LEADERLESS
        return "" if is_known else "no controller leads: the database cannot be reached"

    async def run(self) -> None:
        """Renew until cancelled, and give way then; without the database nobody leads."""
        try:
            await run_for_ever("lead", self.renew, _RENEW_S)
        finally:
            await self._give_way()

    async def renew(self) -> None:
        """Take the lease, or hold on to it, if nobody else has it."""
        try:
            self.lease = await asyncio.to_thread(self._leases.acquire, NAME, self._holder, _TTL_S)
        except StateUnavailable:
            self.lease = None  # it is logged
            self._stands(_LEADERLESS)
        else:
            self._stands(_LEADING if self.lease is not None else _FOLLOWING)

    def _stands(self, standing: str) -> None:
        """Log how it stands where that has changed, and at first: nothing else tells of it."""
        if standing != self._standing:
            self._standing = standing
            _log.info(standing, holder=self._holder)

    async def _give_way(self) -> None:
        """Let another lead at once, rather than when the lease has run out."""
        lease, self.lease = self.lease, None
        if lease is not None:
            with contextlib.suppress(StateUnavailable):  # it is logged
                await asyncio.to_thread(self._leases.release, lease)
