"""Fields that several documents of the admin API share."""

from datetime import UTC, datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from control.core.access import SCOPE_PATTERN, SCOPES_IN_WORDS, TENANT_PATTERN, Quota, is_scope

_MOST: Final = 10**15


def _check_scope(text: str) -> str:
    if is_scope(text):
        return text
    allowed = ", ".join(SCOPES_IN_WORDS)
    raise PydanticCustomError(
        "scope", "unknown scope; allowed are {words}", {"words": allowed, "allowed": allowed}
    )


def _without_fraction(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


TenantName = Annotated[str, Field(pattern=TENANT_PATTERN, description="A tenant's name.")]
TokenName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@:+-]{0,63}$", description="What the token is for."),
]
Scope = Annotated[
    str, AfterValidator(_check_scope), Field(json_schema_extra={"pattern": SCOPE_PATTERN})
]
#: A JSON number without a fraction is an integer, however it is written: 3.0 too.
WHOLE: Final = BeforeValidator(_without_fraction)
Limit = Annotated[int, Field(ge=1, le=_MOST), WHOLE] | None

_VERSION: Final = Field(ge=1, le=2**63 - 1, description="A version; without one, all of them.")
#: The version that a body, or a query, means.
BodyVersion = Annotated[int, _VERSION, WHOLE] | None
QueryVersion = Annotated[int, _VERSION] | None
#: Why something is done: one line, and nothing that a terminal would obey.
Reason = Annotated[
    str,
    Field(
        max_length=500,
        pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$",
        description="Why, for the audit trail.",
    ),
]


class Document(BaseModel):
    """What clients send: nothing is converted, and unknown fields are faults."""

    model_config = ConfigDict(extra="forbid", strict=True)


class QuotaDocument(Document):
    """What may be used; null is no limit."""

    requests_per_second: Limit = None
    tokens_per_minute: Limit = Field(None, description="The model's own tokens.")
    bytes_per_minute: Limit = Field(None, description="Bytes of request bodies.")
    concurrent: Limit = Field(None, description="Requests in flight at once.")

    @classmethod
    def of(cls, quota: Quota) -> Self:
        """Show a quota."""
        return cls(
            requests_per_second=quota.requests_per_second,
            tokens_per_minute=quota.tokens_per_minute,
            bytes_per_minute=quota.bytes_per_minute,
            concurrent=quota.concurrent,
        )

    def quota(self) -> Quota:
        """Give the quota as decisions use it."""
        return Quota(**self.model_dump())


def moment(seconds: float) -> datetime:
    """Give a time as documents show it."""
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
