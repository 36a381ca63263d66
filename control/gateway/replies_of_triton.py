"""Reads what Triton's refusals mean. Only their texts tell some of them apart."""

import re
from typing import Final

import msgspec

from control.errors import (
    BadUpstreamAnswer,
    ControlError,
    DeadlineExceeded,
    MalformedRequest,
    ModelFailed,
    ModelNotFound,
    NotSupported,
    Overloaded,
    UpstreamUnavailable,
)
from control.triton.error_texts import scrub

#: The only sign that Triton gives of a dead Python stub (every ready endpoint still says 200).
_DEAD_STUB: Final = re.compile(r"Stub process '[^']*' is not healthy")
_EXPIRED: Final = re.compile(r"Request timeout expired")
_TOO_LONG_IN_QUEUE: Final = "the request's time ran out in Triton's queue"
_NOT_LOADED: Final = re.compile(r"is not at ready state|has no available versions|is not found")
_RETRY_AFTER_S: Final = 1


class _ErrorBody(msgspec.Struct):
    error: str = ""


class StubDied(UpstreamUnavailable):
    """The model's Python process is dead: it fails every request until it is loaded anew."""


class TritonDied(UpstreamUnavailable):
    """The whole tritonserver died under this request, more than once."""


class TritonFull(Overloaded):
    """Triton's own queue is full."""


class ModelUnavailable(UpstreamUnavailable):
    """Triton is up but has not (or not yet) loaded this version."""


def classify_refusal(status: int, body: bytes) -> ControlError:  # noqa: PLR0911 - a table
    """Turn a status other than 200 and its body into the error that the client gets."""
    text = _message(body)
    if _DEAD_STUB.search(text):
        return StubDied("the model's process has died", retry_after_s=_RETRY_AFTER_S)
    if status in {404, 503} and _NOT_LOADED.search(text):
        return ModelUnavailable("the model is not loaded", retry_after_s=_RETRY_AFTER_S)
    message = scrub(text) or f"Triton answered with status {status}"
    match status:
        case 400:
            return MalformedRequest(message)
        case 404:
            return ModelNotFound(message)
        case 501:
            return NotSupported(message)
        case 503 if _EXPIRED.search(text):
            return DeadlineExceeded(_TOO_LONG_IN_QUEUE)
        case 503:
            return TritonFull(message, retry_after_s=_RETRY_AFTER_S)
        case _ if status >= 500:  # noqa: PLR2004 - the class of server errors
            return ModelFailed(message)
        case _:
            return BadUpstreamAnswer(f"Triton answered with status {status}")


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
