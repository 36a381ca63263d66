"""What a request holds of its caller's quotas while it is under way."""

from collections.abc import Sequence
from typing import Final, Self

from control.quotas.allowances import Allowance, Kind, Plan
from control.quotas.fields import Left, rate_limit_fields
from control.quotas.in_flight import InFlight
from control.quotas.key_slots import SlotKey


class QuotaPermit:
    """Release it at the end, best by ``with``; to release it again does nothing."""

    __slots__ = ("_held", "_in_flight", "_left", "plan")

    def __init__(self, plan: Plan | None, in_flight: InFlight | None) -> None:
        """Hold nothing yet of what ``plan`` limits; without a plan, nothing ever."""
        self.plan, self._in_flight = plan, in_flight
        self._left: dict[Kind, Left] = {}
        self._held: list[SlotKey] = []

    def __enter__(self) -> Self:
        """Go on holding."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release."""
        self.release()

    def hold(self, key: SlotKey) -> None:
        """Hold a place that ``in_flight`` has given."""
        self._held.append(key)

    def release(self) -> None:
        """Give back the places among the concurrent requests."""
        if self._in_flight is not None:
            while self._held:
                self._in_flight.release(self._held.pop())

    def note(self, allowance: Allowance, remaining: int, more_in_s: float) -> None:
        """Remember what is left of a limit, if it is the tightest of its kind."""
        known = self._left.get(allowance.kind)
        if known is None or remaining < known.remaining:
            self._left[allowance.kind] = Left(allowance, remaining, more_in_s)

    def note_refusal(self, allowance: Allowance, remaining: int, more_in_s: float) -> None:
        """Remember the limit that refused, whatever else is left."""
        self._left[allowance.kind] = Left(allowance, remaining, more_in_s)

    def fields(self) -> Sequence[tuple[str, str]]:
        """Give the RateLimit fields for the answer; none where nothing is limited."""
        if self.plan is None:
            return ()
        policy, limit = rate_limit_fields(self.plan, self._left)
        return [("RateLimit-Policy", policy), *([("RateLimit", limit)] if limit else [])]

    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Give the same as the bytes of a reply's headers."""
        return [(name.encode(), value.encode()) for name, value in self.fields()]


#: The permit of every caller that nothing limits.
NO_PERMIT: Final = QuotaPermit(None, None)
