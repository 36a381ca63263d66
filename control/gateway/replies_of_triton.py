"""Reads what Triton's refusals mean. Only their texts tell some of them apart."""

import re
from typing import Final

import msgspec
import orjson

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

#: The only sign that Triton gives of a dead Python stub (every ready endpoint still says 200). It
#: is all of the text then: within another it is what a model has heard, or was told to say.
_DEAD_STUB: Final = re.compile(r"Stub process '(?P<group>[^']*)_\d+' is not healthy\.?")
_EXPIRED: Final = re.compile(r"Request timeout expired")
_TOO_LONG_IN_QUEUE: Final = "the request's time ran out in Triton's queue"
_NOT_LOADED: Final = re.compile(r"is not at ready state|has no available versions|is not found")
_INTERNAL: Final = 500
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


def classify_refusal(  # noqa: PLR0911 - a table
    status: int, body: bytes, config_json: bytes = b"{}"
) -> ControlError:
    """Turn a status other than 200 and its body into the error that the client gets.

    ``config_json`` is Triton's of the model that was asked, and tells its processes from those of
    models that it calls.
    """
    text = _message(body)
    dead = _DEAD_STUB.fullmatch(text) if status == _INTERNAL else None
    if dead is not None and _has_group(config_json, dead["group"]):
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


def _has_group(config_json: bytes, name: str) -> bool:
    """Whether this is a group of the model's instances: Triton has given each of them a name."""
    groups = orjson.loads(config_json).get("instance_group") or ()
    return any(one.get("name") == name for one in groups)


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
