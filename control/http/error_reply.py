"""The one form in which every refusal is answered over HTTP."""

import json
import random
from dataclasses import asdict
from typing import Final

from control.errors import ControlError
from control.http.messages import Reply

_MAX_ID: Final = 128


def new_request_id() -> str:
    """Make an id for a request whose client gave none."""
    return f"{random.getrandbits(64):016x}"


def kept_request_id(given: str) -> str:
    """Give the client's own id where it can stand in a header and a log line; else a new one."""
    good = given.isascii() and given.isprintable() and 0 < len(given) <= _MAX_ID
    return given if good else new_request_id()


def error_reply(error: ControlError, request_id: str) -> Reply:
    """Render the error as ``{"error", "code", "request_id", "violations"}``."""
    document: dict[str, object] = {
        "error": error.message,
        "code": error.code,
        "request_id": request_id,
    }
    if error.violations:
        document["violations"] = [asdict(violation) for violation in error.violations]
    headers = [(b"x-request-id", request_id.encode())]
    if error.retry_after_s is not None:
        headers.append((b"Retry-After", b"%d" % error.retry_after_s))
    for name, value in error.headers:
        headers.append((name.encode("latin-1"), value.encode("latin-1")))
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Reply(status=error.http_status, body=[body], headers=headers)
