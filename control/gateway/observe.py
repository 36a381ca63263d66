"""What is recorded of every inference request: counters, latency, and a log line."""

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from control.core.access import Identity
from control.core.snapshot import VersionView
from control.core.track import Track
from control.core.violations import Violation
from control.errors import ControlError, release_frames
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Headers, Reply
from control.observability.logs import get_logger
from control.observability.metrics import GatewayMetrics

AccessLog = Literal["all", "failures", "none"]

#: A client's own id is kept where it can stand in a header and a log line as it is.
_GOOD_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_OK: Final = "ok"
# Bound once: looking an enum's member up costs as much as a comparison.
_CANARY: Final = Track.CANARY
_SERVER_ERROR: Final = 500
_BREACH_LINE_INTERVAL_S: Final = 0.1
#: Refusals that come in thousands when they come: of each, one line in this time.
_IN_CROWDS: Final = frozenset({"circuit_open", "deadline_exceeded", "overloaded", "quota_exceeded"})
_CROWD_LINE_INTERVAL_S: Final = 0.1
_SHOWN_BREACHES: Final = 8

_log = get_logger("request")


@dataclass(slots=True)
class Observation:
    """The notes on one request while it is under way; times are of the monotonic clock.

    ``is_rerouted``: a canary has failed to answer it, and stable is asked. A copy of a request has
    been counted already.
    """

    request_id: str
    model: str
    body_bytes: int
    started_s: float
    identity: Identity | None = None
    view: VersionView | None = None
    routed_s: float = 0.0
    answered_s: float = 0.0
    outcome: str = _OK
    reason: str | None = None
    track: Track = Track.STABLE
    is_rerouted: bool = False
    is_copy: bool = False

    def routed(self, view: VersionView, track: Track = Track.STABLE) -> None:
        """Note the version that takes the request, perhaps after another that did not answer it."""
        self.is_rerouted = self.track is _CANARY
        self.view, self.track = view, track
        self.routed_s, self.answered_s = time.monotonic(), 0.0

    def answered(self) -> None:
        """Note that Triton has answered."""
        self.answered_s = time.monotonic()


@dataclass(slots=True)
class _Crowd:
    """Refusals of one kind: when one gets a line again, and how many got none."""

    next_line_s: float = 0.0
    unlogged: int = 0


class Observer:
    """Turns observations into series and log lines."""

    def __init__(self, metrics: GatewayMetrics, access_log: AccessLog) -> None:
        """Count in ``metrics``; log all requests, only failures, or none."""
        self._metrics = metrics
        self._access_log = access_log
        self._in_flight = 0
        self._next_breach_line_s = 0.0
        self._crowds: dict[str, _Crowd] = {}

    def write_down(self) -> None:
        """Bring the metrics up to date with what has been counted."""
        self._metrics.in_flight.set(self._in_flight)
        self._metrics.flush()

    def start(self, model: str, headers: Headers, body_bytes: int) -> Observation:
        """Begin the notes on a request."""
        self._in_flight += 1
        given = headers.get(b"x-request-id")
        good = given is not None and _GOOD_ID.fullmatch(given)
        request_id = given.decode("ascii") if given and good else new_request_id()
        return Observation(request_id, model, body_bytes, time.monotonic())

    def breached(
        self, seen: Observation, violations: Sequence[Violation], *, enforced: bool
    ) -> None:
        """Count breaches of a contract file; log those that are let pass, a few a second."""
        if seen.is_copy:
            return
        mode = "enforce" if enforced else "observe"
        version = str(seen.view.version) if seen.view else ""
        for one in violations:
            self._metrics.violations.labels(seen.model, version, one.rule, mode).inc()
        now_s = time.monotonic()
        if not enforced and now_s >= self._next_breach_line_s:
            self._next_breach_line_s = now_s + _BREACH_LINE_INTERVAL_S
            _log.warning(
                "contract_breach_observed",
                request_id=seen.request_id,
                model=seen.model,
                version=version,
                violations=[asdict(one) for one in violations[:_SHOWN_BREACHES]],
            )

    def reply_to_failure(self, seen: Observation, error: Exception) -> Reply:
        """Give the reply to whatever ended the request; what nobody foresaw is logged whole."""
        if not isinstance(error, ControlError):
            _log.error("unforeseen_failure", request_id=seen.request_id, exc_info=error)
            release_frames(error)
            error = ControlError("Seawall failed on this request")
        release_frames(error)
        seen.outcome = error.code
        seen.reason = error.message
        return error_reply(error, seen.request_id)

    def client_gone(self, seen: Observation) -> None:
        """Count a request whose client left before the answer."""
        self._in_flight -= 1
        version = str(seen.view.version) if seen.view else ""
        model = seen.model if seen.view else ""
        self._metrics.observe_for(model, version).count("client_gone")

    def finish(self, seen: Observation, reply: Reply) -> None:
        """Count and log a request whose reply is ready."""
        self._in_flight -= 1
        now_s = time.monotonic()
        # A name that exists nowhere must not become a label: clients could invent millions.
        known = seen.view is not None
        model, version = (seen.model, str(seen.view.version)) if seen.view else ("", "")
        series = self._metrics.observe_for(model, version)
        series.count(seen.outcome)
        if known:
            series.request_bytes.pending += seen.body_bytes
            series.duration.observe(now_s - seen.started_s)
            if seen.answered_s:
                series.upstream.observe(seen.answered_s - seen.routed_s)
        failed = seen.reason is not None
        if self._access_log == "all":
            self._write_line(seen, reply.status, now_s)
        elif failed and self._access_log == "failures":
            unlogged = self._unlogged(seen.outcome, now_s)
            if unlogged is not None:
                self._write_line(seen, reply.status, now_s, unlogged)

    def _unlogged(self, outcome: str, now_s: float) -> int | None:
        """Count those that got no line since the last such line; None where this gets none too."""
        if outcome not in _IN_CROWDS:
            return 0
        crowd = self._crowds.setdefault(outcome, _Crowd())
        if now_s < crowd.next_line_s:
            crowd.unlogged += 1
            return None
        crowd.next_line_s = now_s + _CROWD_LINE_INTERVAL_S
        unlogged, crowd.unlogged = crowd.unlogged, 0
        return unlogged

    def _write_line(self, seen: Observation, status: int, now_s: float, unlogged: int = 0) -> None:
        write = _log.warning if status >= _SERVER_ERROR else _log.info
        write(
            "request",
            request_id=seen.request_id,
            model=seen.model[:256],
            version=seen.view.version if seen.view else None,
            status=status,
            outcome=seen.outcome,
            reason=seen.reason,
            caller=seen.identity.subject if seen.identity else None,
            tenant=seen.identity.tenant if seen.identity else None,
            bytes=seen.body_bytes,
            duration_ms=round((now_s - seen.started_s) * 1000, 3),
            **({"others_like_it": unlogged} if unlogged else {}),
        )
