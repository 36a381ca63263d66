"""Refusals and failures, named after what the caller can do about them.

Only the outer layers raise these: ``control.core`` returns values instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from control.core.violations import Violation

#: A header's name and value.
Header = tuple[str, str]


class ControlError(Exception):
    """Root of every error that Seawall answers with."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    default_headers: ClassVar[Sequence[Header]] = ()

    def __init__(
        self,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        retry_after_s: int | None = None,
        status: int | None = None,
        headers: Sequence[Header] = (),
    ) -> None:
        """Keep the sentence, the violations and when to try again.

        ``status`` refines the class's own status where HTTP has a more exact one
        (431 for headers that are too large, say); the code stays the class's.
        ``headers`` go out with the answer, in place of the class's own.
        """
        super().__init__(message)
        self.message = message
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s
        self.http_status = self.status if status is None else status
        self.headers = tuple(headers) or tuple(self.default_headers)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way between processes with all that it says."""
        facts = {
            "violations": self.violations,
            "retry_after_s": self.retry_after_s,
            "status": self.http_status,
            "headers": self.headers,
        }
        return _rebuild, (type(self), self.message, facts)


def _rebuild(kind: type[ControlError], message: str, facts: Mapping[str, Any]) -> ControlError:
    return kind(message, **facts)


def release_frames(error: BaseException) -> None:
    """Let go of the frames that a handled error has passed, and of its causes.

    Their variables hold the request's body, and often the error itself: such a circle would keep
    megabytes until a garbage collection, which is rare in a gateway.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None


class MalformedRequest(ControlError):
    """The bytes are not a request: mend them."""

    status, code = 400, "malformed_request"


class Unauthenticated(ControlError):
    """No credentials, or wrong ones: send a valid token."""

    status, code = 401, "unauthenticated"
    default_headers = (("WWW-Authenticate", "Bearer"),)


class Forbidden(ControlError):
    """The caller may not do this, or nobody may through Seawall."""

    status, code = 403, "forbidden"


class ModelNotFound(ControlError):
    """No such model, or no such version of it."""

    status, code = 404, "model_not_found"


class EndpointNotFound(ControlError):
    """No such endpoint, or nothing there of that name."""

    status, code = 404, "not_found"


class MethodNotAllowed(ControlError):
    """The endpoint exists, but not for this method."""

    status, code = 405, "method_not_allowed"


class NotAcceptable(ControlError):
    """The answer cannot be written in the form that the client asked for: ask for another."""

    status, code = 406, "not_acceptable"


class RequestTimeout(ControlError):
    """The request came in too slowly."""

    status, code = 408, "request_timeout"


class StateConflict(ControlError):
    """What is there already stands against the change."""

    status, code = 409, "conflict"


class TooLarge(ControlError):
    """The request exceeds a size limit: send less."""

    status, code = 413, "too_large"


class ContractViolated(ControlError):
    """The request is well formed but breaks the model's contract."""

    status, code = 422, "contract_violation"


class InvalidInput(ControlError):
    """A document for the admin API is well formed but breaks the rules of its fields."""

    status, code = 422, "invalid_input"


class QuotaExceeded(ControlError):
    """The caller has used up its quota: try again after the given time."""

    status, code = 429, "quota_exceeded"


class ModelFailed(ControlError):
    """The model's own code raised on this request."""

    status, code = 500, "model_failed"


class NotSupported(ControlError):
    """Seawall does not offer this for this model."""

    status, code = 501, "not_supported"


class BadUpstreamAnswer(ControlError):
    """Triton answered, but not what the model's config promises."""

    status, code = 502, "bad_upstream_answer"


class Overloaded(ControlError):
    """No capacity now: try again after the given time."""

    status, code = 503, "overloaded"


class CircuitOpen(ControlError):
    """This model version has failed too often: it rests, try again after the given time."""

    status, code = 503, "circuit_open"


class UpstreamUnavailable(ControlError):
    """Triton, or this model in it, cannot answer now: try again after the given time."""

    status, code = 503, "upstream_unavailable"


class StateUnavailable(ControlError):
    """Seawall's own state cannot be read or written now: try again later."""

    status, code = 503, "state_unavailable"


class DeadlineExceeded(ControlError):
    """No answer within the request's time."""

    status, code = 504, "deadline_exceeded"
