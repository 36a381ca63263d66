"""Refusals of the admin API: the one form of all refusals, and how they are documented."""

from http import HTTPStatus
from typing import Any, Final, NoReturn

from pydantic import BaseModel, Field, ValidationError

from control.core.violations import Violation
from control.errors import InvalidInput

_SHOWN: Final = 128
_TOLD: Final = 4
#: Where pydantic's records of faults keep the limit that was broken.
_LIMITS: Final = (
    "allowed", "ge", "gt", "le", "lt", "max_length", "min_length", "pattern", "expected",
)  # fmt: skip


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
