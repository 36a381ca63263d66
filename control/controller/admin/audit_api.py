"""``/admin/v1/audit``: who has changed what through the admin API, when and why."""

from datetime import datetime
from typing import Any, Final, Self

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import answer, new_api
from control.controller.admin.fields import moment
from control.state.audit import AuditEntry, AuditStore

_PAGE: Final = 100
_MOST: Final = 1000


class AuditQuery(BaseModel):
    """Which entries are wanted."""

    limit: int = Field(_PAGE, ge=1, le=_MOST, description="Entries at most.")
    before: int | None = Field(
        None, ge=1, le=2**63 - 1, description="Only entries older than the one with this id."
    )
    target: str | None = Field(
        None,
        min_length=1,
        max_length=320,
        pattern=r"^[\w./@|:+=~-]+$",
        description="Only what was changed there or below, as `models/m` or `tenants/acme`.",
    )


class AuditedAct(BaseModel):
    """One act of an operator."""

    id: int
    at: datetime
    subject: str = Field(description="Who did it: the token, or the subject of the JWT.")
    tenant: str = Field(description="The tenant of whoever did it.")
    action: str
    target: str = Field(description="What was changed, as `models/m/versions/2`.")
    before: dict[str, Any] | None = Field(description="What there was; null where nothing was.")
    after: dict[str, Any] | None = Field(description="What there is; null where nothing is.")
    reason: str = Field(description="Why, in the operator's words; empty where none was given.")

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Show an entry."""
        return cls(
            id=entry.entry_id,
            at=moment(entry.act.at_s),
            subject=entry.act.subject,
            tenant=entry.act.tenant,
            action=entry.action,
            target=entry.target,
            before=entry.before,
            after=entry.after,
            reason=entry.act.reason,
        )


class AuditTrail(BaseModel):
    """Acts, newest first."""

    entries: list[AuditedAct]
    next_before: int | None = Field(
        description="What to send as `before` for the next page; null where this is the last."
    )


def audit_api(store: AuditStore) -> APIBlueprint:
    """Make the part; nothing changes the trail but the acts themselves."""
    api = new_api("audit", "Who has changed what.")

    @api.get(
        "/audit",
        operation_id="list_audit",
        summary="Show the audit trail",
        responses={200: AuditTrail},
    )
    def _list(query: AuditQuery) -> Response:
        # one more than is shown tells whether there is another page
        found = store.load(query.limit + 1, query.before, query.target)
        shown = found[: query.limit]
        more = shown[-1].entry_id if len(found) > query.limit else None
        return answer(AuditTrail(entries=[AuditedAct.of(one) for one in shown], next_before=more))

    return api
