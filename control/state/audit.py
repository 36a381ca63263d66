"""The audit trail: who has changed what, when and why. Rows are added and read, nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, func, insert, or_, select

from control.state.database import one_moment
from control.state.schema import AUDIT
from control.state.text import storable

#: One half of what an act has changed, as a JSON document; None where there was, or is, nothing.
Facts = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Act:
    """An operator's act, before it is known what it changes.

    ``subject`` and ``tenant`` name who acts, ``at_s`` is seconds since the epoch.
    """

    subject: str
    tenant: str
    at_s: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act as it is kept. ``entry_id`` grows with time."""

    entry_id: int
    act: Act
    action: str
    target: str
    before: Facts
    after: Facts


@dataclass(frozen=True, slots=True)
class Change:
    """What an act has changed: ``target`` is a path, as ``models/m/versions/2``."""

    action: str
    target: str
    before: Facts
    after: Facts


def record(connection: Connection, act: Act, change: Change) -> None:
    """Keep an act within the transaction of what it changes: both are kept, or neither."""
    row = {
        "acted_at": act.at_s,
        "subject": act.subject,
        "tenant": act.tenant,
        "action": change.action,
        "target": change.target,
        "before": json.dumps(change.before),
        "after": json.dumps(change.after),
        "reason": storable(act.reason),
    }
    connection.execute(insert(AUDIT).values(row))


class AuditStore:
    """The table ``audit``. Raises StateUnavailable; any thread may call."""

    def __init__(self, engine: Engine) -> None:
        """Use the database of ``engine``."""
        self._engine = engine

    def load(
        self, limit: int, before_id: int | None = None, target: str | None = None
    ) -> list[AuditEntry]:
        """Load at most ``limit`` entries, newest first.

        ``before_id`` goes on below an earlier page; ``target`` takes what lies below it too.
        """
        query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(AUDIT.c.id < before_id)
        if target is not None:
            # not LIKE: it takes letters of both cases for the same in SQLite
            below = func.substr(AUDIT.c.target, 1, len(target) + 1) == f"{target}/"
            query = query.where(or_(AUDIT.c.target == target, below))
        with one_moment(self._engine) as connection:
            return [_entry_of(row) for row in connection.execute(query).mappings()]


def _entry_of(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        entry_id=row["id"],
        act=Act(row["subject"], row["tenant"], row["acted_at"], row["reason"]),
        action=row["action"],
        target=row["target"],
        before=json.loads(row["before"]),
        after=json.loads(row["after"]),
    )
