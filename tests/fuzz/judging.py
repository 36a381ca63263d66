"""What must hold of every answer, however mad the request."""

import json
import re
import struct
from collections.abc import Sequence
from typing import Any, Final

from control.errors import ControlError
from tests.fuzz.client import Answer, values_of
from tests.fuzz.corpus import Case
from tests.fuzz.reading import differences, echo_of
from tests.fuzz.seeds import Good

_VIOLATION_KEYS: Final = {"path", "rule", "limit", "got"}
#: What only the machine's inside knows: none of it may stand in an error.
_INSIDE: Final = re.compile(
    r"Traceback|File \"|site-packages|model\.py|\.so\b"
    r"|/dev/shm|/home/|/root/|/usr/|/tmp/|0x[0-9a-f]{8}"
)


def _errors() -> dict[str, type[ControlError]]:
    found: dict[str, type[ControlError]] = {}
    queue: list[type[ControlError]] = [ControlError]
    for kind in queue:
        found.setdefault(kind.code, kind)
        queue += kind.__subclasses__()
    return found


#: The more exact status that HTTP has for some cases of a code.
_FINER: Final = {"malformed_request": 415, "too_large": 431}
#: Every error by its code.
ERRORS: Final = _errors()


def complaints(case: Case, answer: Answer, secrets: Sequence[str] = ()) -> list[str]:
    """List what is wrong with the answer to a mutated request."""
    if 200 <= answer.status < 300:
        return ["was answered, and must be refused"] if case.refused else wrong_values(case, answer)
    if case.request.method == "HEAD":
        return [] if 400 <= answer.status < 500 else [f"status {answer.status}"]
    if _ran_out_of_its_own_time(case, answer):
        return refusal_faults(answer, secrets)
    return refusal_complaints(answer, secrets)


def _ran_out_of_its_own_time(case: Case, answer: Answer) -> bool:
    """Whether the request gave itself a time, and that was over."""
    is_late = answer.status == 504 and b'"deadline_exceeded"' in answer.body
    return is_late and case.change == "reserved parameter"  # `timeout` is one


def refusal_complaints(answer: Answer, secrets: Sequence[str] = ()) -> list[str]:
    """List what is wrong with a refusal: its form, or that it blames a server for bad input."""
    found = refusal_faults(answer, secrets)
    if answer.status >= 500 and not _is_documented(answer):
        found.append(f"status {answer.status}: {answer.body[:300]!r}")
    return found


def _is_documented(answer: Answer) -> bool:
    """Whether this answer of 5xx says that Seawall does not offer what was asked for."""
    return answer.status == 501 and b'"not_supported"' in answer.body


def refusal_faults(answer: Answer, secrets: Sequence[str] = ()) -> list[str]:
    """List what is wrong with the form of a refusal."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return [f"body is no JSON: {answer.body[:200]!r}"]
    if not isinstance(document, dict) or set(document) - {"violations"} != {
        "error", "code", "request_id",
    }:  # fmt: skip
        return [f"body has another form: {answer.body[:200]!r}"]
    found = [*_code_faults(document, answer.status), *_violation_faults(document, answer.status)]
    if inside := gives_away(answer, secrets):
        found.append(f"gives away {inside!r}")
    if document["request_id"] != answer.headers.get("x-request-id"):
        found.append("request id differs between header and body")
    return found


def gives_away(answer: Answer, secrets: Sequence[str] = ()) -> str:
    """Give what the text of an error says of the machine's inside; nothing where it is quiet."""
    text = answer.body.decode("utf-8", "replace")
    inside = _INSIDE.search(text)
    return inside[0] if inside else next((one for one in secrets if one in text), "")


def good_faults(good: Good, answer: Answer) -> list[str]:
    """List what is wrong with the answer to a good request."""
    if answer.status != 200:
        return [f"status {answer.status}: {answer.body[:300]!r}"]
    values = values_of(answer)
    return [
        f"{name} is {values.get(name)!r}, expected {expected!r}"
        for name, expected in good.values.items()
        if values.get(name) != expected
    ]


def _code_faults(document: dict[str, Any], status: int) -> list[str]:
    code, found = document["code"], []
    if not isinstance(document["error"], str) or not document["error"]:
        found.append("error says nothing")
    if code not in ERRORS:
        found.append(f"code {code!r} is unknown")
    elif status not in {ERRORS[code].status, _FINER.get(code)}:
        found.append(f"code {code!r} with status {status}")
    return found


def _violation_faults(document: dict[str, Any], status: int) -> list[str]:
    violations = document.get("violations", [])
    if status == 422 and not violations:
        return ["422 without a violation"]
    return [
        f"violation {one!r} is not whole"
        for one in violations
        if not isinstance(one, dict)
        or set(one) != _VIOLATION_KEYS
        or not (isinstance(one["path"], str) and one["path"])
        or not (isinstance(one["rule"], str) and one["rule"])
        or one["limit"] is None
        or one["got"] is None
    ]


def wrong_values(case: Case, answer: Answer) -> list[str]:
    """List what an answer of 200 says that the request did not: an echo gives back what it got."""
    expected = echo_of(case.model, case.request)
    if expected is None:
        return []
    try:
        return differences(expected, values_of(answer))
    except (ValueError, KeyError, struct.error) as error:
        return [f"cannot be read: {error!r}"]
