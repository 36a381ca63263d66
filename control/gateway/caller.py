"""Whose request it is, how urgent, and what it weighs: all that admission asks for."""

from dataclasses import dataclass
from typing import Final

from control.core.access import Identity, may_be_high
from control.core.protection import Priority
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest
from control.core.urgency import (
    lowered,
    priority_of_header,
    priority_of_parameter,
    timeout_of_header,
    timeout_of_parameter,
)
from control.errors import MalformedRequest
from control.gateway.observe import Observation
from control.http.messages import Headers

TIMEOUT_HEADER: Final = b"x-request-timeout-ms"
PRIORITY_HEADER: Final = b"x-seawall-priority"
_SHOWN: Final = 32


@dataclass(slots=True)
class Caller:
    """One request's standing; ``deadline_s`` is absolute, ``tokens`` counted by the contract."""

    seen: Observation
    identity: Identity
    priority: Priority
    deadline_s: float
    tokens: int = 0

    @property
    def tenant(self) -> str:
        """Among whose requests this one stands in line."""
        return self.identity.tenant


def caller_of(
    seen: Observation,
    identity: Identity,
    view: VersionView,
    headers: Headers,
    timeout_s: float,
) -> Caller:
    """Read the headers; the contract's deadline and the gateway's ``timeout_s`` hold besides."""
    protection = view.protection
    deadline_s = timeout_s if protection.deadline_s is None else protection.deadline_s
    given = headers.get(TIMEOUT_HEADER)
    if given is not None:
        deadline_s = min(deadline_s, _read_timeout(given) or deadline_s)
    priority = protection.priority
    asked = headers.get(PRIORITY_HEADER)
    if asked is not None:
        priority = _read_priority(asked, identity)
    return Caller(seen, identity, priority, seen.started_s + min(deadline_s, timeout_s))


def heed_parameters(caller: Caller, request: InferRequest, headers: Headers) -> None:
    """Heed Triton's own parameters for the same: ``timeout``, and ``priority`` where no header is.

    Whoever asks for two times gets the shorter one.
    """
    parameters = request.parameters
    if not parameters:
        return
    timeout_s = timeout_of_parameter(parameters.get("timeout"))
    if timeout_s is not None:
        caller.deadline_s = min(caller.deadline_s, caller.seen.started_s + timeout_s)
    level = priority_of_parameter(parameters.get("priority"))
    if level is not None and PRIORITY_HEADER not in headers:
        caller.priority = lowered(level, may_be_high=may_be_high(caller.identity))


def _read_timeout(text: bytes) -> float | None:
    try:
        return timeout_of_header(text)
    except ValueError as error:
        raise _malformed(TIMEOUT_HEADER, text, error) from error


def _read_priority(text: bytes, identity: Identity) -> Priority:
    try:
        priority = priority_of_header(text)
    except ValueError as error:
        raise _malformed(PRIORITY_HEADER, text, error) from error
    return lowered(priority, may_be_high=may_be_high(identity))


def _malformed(name: bytes, text: bytes, error: ValueError) -> MalformedRequest:
    shown = text[:_SHOWN].decode("latin-1")
    return MalformedRequest(f"header {name.decode()}: {error}, got {shown!r}")
