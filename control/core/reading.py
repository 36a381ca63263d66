"""How patient the front is with slow senders: less, the more of them there are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadPatience:
    """Seconds without a byte after which an unfinished request is given up.

    Up to ``calm`` unfinished requests each may stall ``stall_timeout_s``. From there to ``crowded``
    the patience shrinks linearly to ``crowded_stall_timeout_s``: the idea of Envoy's overload
    action ``reduce_timeouts``. A few slow clients are bad networks; hundreds are an attack.
    """

    stall_timeout_s: float = 10.0
    crowded_stall_timeout_s: float = 0.4
    calm: int = 64
    crowded: int = 256
    min_bytes_per_s: float = 1024.0

    def stall_timeout_for(self, unfinished: int) -> float:
        """Seconds of patience while ``unfinished`` requests are being read."""
        if unfinished <= self.calm:
            return self.stall_timeout_s
        share = min(1.0, (unfinished - self.calm) / max(1, self.crowded - self.calm))
        return self.stall_timeout_s + share * (self.crowded_stall_timeout_s - self.stall_timeout_s)

    def is_too_slow(
        self, *, stalled_s: float, elapsed_s: float, received_bytes: int, stall_timeout_s: float
    ) -> bool:
        """Whether a request has stalled, or comes slower than ``min_bytes_per_s`` on the whole."""
        earned_s = self.stall_timeout_s + received_bytes / self.min_bytes_per_s
        return stalled_s > stall_timeout_s or elapsed_s > earned_s
