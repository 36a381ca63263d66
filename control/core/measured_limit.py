"""One gateway worker's part of a version's limit, and what it has measured to set it by."""

from control.core.adaptive_limit import AdaptiveLimit, ServerShape, TritonLoad, Window
from control.core.call_times import CallTimes
from control.core.freed_places import FreedPlaces
from control.core.protection import ConcurrencyPolicy


class MeasuredLimit:
    """Told of calls by ``times``; ``turn`` judges them a few times a second.

    Each of the ``workers`` is taken to have its even part of the traffic.
    """

    __slots__ = ("_adaptive", "_load", "_workers", "freed", "limit", "queue_s", "times")

    def __init__(
        self, policy: ConcurrencyPolicy, shape: ServerShape, workers: int, now_s: float
    ) -> None:
        """Begin with no history."""
        self._adaptive = AdaptiveLimit(policy, shape)
        self._workers = workers
        self._load: TritonLoad | None = None
        self.times = CallTimes(now_s)
        #: How fast those who wait get their places.
        self.freed = FreedPlaces()
        #: Triton's mean queue time of the last window, seconds; None while unknown.
        self.queue_s: float | None = None
        self.limit = self._own_part()

    @property
    def useful_batch(self) -> float | None:
        """The rows from which on larger batches gain little, if known."""
        return self._adaptive.useful_batch

    def reconfigure(self, policy: ConcurrencyPolicy, shape: ServerShape) -> None:
        """Go on under another policy."""
        self._adaptive.reconfigure(policy, shape)
        self.limit = self._own_part()

    def filled(self, now_s: float) -> None:
        """Note that all places are taken, or that somebody waits."""
        self.freed.begin(now_s, self.limit, self.times.mean_rtt_s)

    def turn(self, now_s: float, load: TritonLoad | None) -> None:
        """Judge what has come back since the last window, once it is enough."""
        if load is not None:
            self._load = load if self._load is None else self._load.with_more(load)
        window = self.times.turn(now_s)
        if window is None:
            return
        load, self._load = self._load, None
        self.queue_s = load.queue_s / load.requests if load is not None and load.tells else None
        of_all = window.most_in_flight * self._workers
        whole = Window(window.ends, window.drops, window.rtt_s, of_all)
        self._adaptive.learn(whole, load)
        self.limit = self._own_part()

    def _own_part(self) -> int:
        return max(1, self._adaptive.limit // self._workers)
