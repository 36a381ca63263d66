"""Refusals of the admin API: the one form of all refusals, and how they are documented."""

from http import HTTPStatus
from typing import Any, Final, NoReturn

from flask import Flask, Response, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from control.core.violations import Violation
from control.errors import ControlError, EndpointNotFound, InvalidInput, MethodNotAllowed
from control.gateway.responses import to_response
from control.http.error_reply import error_reply, new_request_id
from control.observability.logs import get_logger

_SHOWN: Final = 128
_TOLD: Final = 4
#: Where pydantic's records of faults keep the limit that was broken.
_LIMITS: Final = (
    "allowed", "ge", "gt", "le", "lt", "max_length", "min_length", "pattern", "expected",
)  # fmt: skip

_log = get_logger("admin")


class FaultyField(BaseModel):
    """One field that breaks a rule."""

    path: str = Field(description="The field, as `scopes[0]` or `quota.concurrent`.")
    rule: str = Field(description="The rule's name.")
    limit: str | int | float | list[str] = Field(description="What the rule allows.")
    got: str | int | float = Field(description="What was got, shortened.")


class Fault(BaseModel):
    """A refusal."""

    error: str = Field(description="What is wrong, in a sentence.")
    code: str = Field(description="What kind of refusal it is.")
    request_id: str = Field(description="The request's id: the client's own where it sent one.")
    violations: list[FaultyField] = Field(default=[], description="Each field that is wrong.")


def refusals(*statuses: int) -> dict[str | int | HTTPStatus, Any]:
    """Document that an operation may answer with a refusal of these statuses.

    By reference: to derive the same schema for each status of each operation takes long.
    """
    schema = {"$ref": "#/components/schemas/Fault"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": schema}},
        }
        for status in statuses
    }


def answer_faults(app: Flask) -> None:
    """Give every refusal of the application the one form."""
    app.register_error_handler(ControlError, _answer)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_failure)


def refuse_input(error: ValidationError) -> NoReturn:
    """Raise InvalidInput with every fault that pydantic has found."""
    faults = error.errors(include_url=False)
    told = "; ".join(f"{_path(one['loc'])}: {one['msg']}" for one in faults[:_TOLD])
    more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
    violations = [_violation(one) for one in faults]
    raise InvalidInput(f"{told}{more}", violations=violations) from None


def _violation(fault: Any) -> Violation:  # noqa: ANN401 - pydantic's own record of a fault
    context = fault.get("ctx", {})
    limits = [context[name] for name in _LIMITS if name in context]
    missing = fault["type"] == "missing"
    return Violation(
        path=_path(fault["loc"]),
        rule=fault["type"],
        limit=limits[0] if limits else fault["msg"],
        got="nothing" if missing else _shown(fault["input"]),
    )


def _path(places: tuple[int | str, ...]) -> str:
    text = "".join(f"[{one}]" if isinstance(one, int) else f".{one[:_SHOWN]}" for one in places)
    return text.removeprefix(".")


def _shown(value: object) -> str | int | float:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, (int, float)):
        return value
    return value[:_SHOWN] if isinstance(value, str) else type(value).__name__


def _answer(error: ControlError) -> Response:
    return to_response(error_reply(error, _request_id()))


def _answer_http_error(error: HTTPException) -> Response:
    ours: ControlError
    match error.code:
        case 404:
            ours = EndpointNotFound("no such endpoint")
        case 405:
            allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
            message = f"{request.method[:16]} is not allowed here; allowed: {allowed}"
            ours = MethodNotAllowed(message, headers=[("Allow", allowed)])
        case _:
            ours = ControlError(error.description or error.name, status=error.code)
    return _answer(ours)


def _answer_failure(error: Exception) -> Response:
    request_id = _request_id()
    path = request.path[:256]
    _log.error("unforeseen_failure", request_id=request_id, path=path, exc_info=error)
    return to_response(error_reply(ControlError("Seawall failed on this request"), request_id))


def _request_id() -> str:
    given = request.headers.get("x-request-id", "")
    good = given.isascii() and given.isprintable() and 0 < len(given) <= _SHOWN
    return given if good else new_request_id()
