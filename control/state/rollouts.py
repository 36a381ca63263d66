"""Models with their versions and rollouts, kept: each record is read and written as a whole."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from control.core.rollout_record import MOST_ENDED, ModelRecord
from control.errors import StateConflict
from control.state.audit import Act, record
from control.state.database import one_moment, our_faults
from control.state.leases import Lease, check_lease
from control.state.rollout_changes import change_of
from control.state.rollout_rows import (
    EndedRollout,
    ended_of,
    model_columns,
    records_of,
    rollout_columns,
    storable_record,
    version_columns,
)
from control.state.schema import MODELS, ROLLOUTS, VERSIONS


class RolloutStore:
    """The tables ``models``, ``versions`` and ``rollouts``.

    Raises StateUnavailable; any thread may call.
    """

    def __init__(self, engine: Engine) -> None:
        """Use the database of ``engine``."""
        self._engine = engine

    def load_all(self) -> dict[str, ModelRecord]:
        """Load every record, by model, as they stand together."""
        under_way = select(ROLLOUTS).where(ROLLOUTS.c.ended_s.is_(None))
        with one_moment(self._engine) as connection:
            return records_of(
                connection.execute(select(MODELS).order_by(MODELS.c.model)).mappings(),
                connection.execute(select(VERSIONS).order_by(VERSIONS.c.version)).mappings(),
                connection.execute(under_way).mappings(),
            )

    def history(self, model: str, limit: int) -> list[EndedRollout]:
        """Load at most ``limit`` rollouts of a model that have ended, the last one first."""
        query = _last_ended(select(ROLLOUTS), model, limit)
        with one_moment(self._engine) as connection:
            return [ended_of(row) for row in connection.execute(query).mappings()]

    def commit(
        self,
        before: ModelRecord | None,
        after: ModelRecord,
        act: Act,
        action: str,
        lease: Lease | None = None,
    ) -> ModelRecord:
        """Put ``after`` in the place of ``before``, with its entry in the audit trail, or nothing.

        Gives it with the revision that it has now; where both are the same, nothing is written.
        Raises StateConflict where the record is not at the revision of ``before`` (None: is not
        there) any more, and LeaseLost where ``lease`` is given and not held any more. Where a
        rollout ends by it, the oldest of those that have ended may have to go.
        """
        revision = 0 if before is None else before.revision
        if before == replace(after, revision=revision):
            return before
        kept = storable_record(after, revision + 1)
        with our_faults("take changes"), self._engine.begin() as connection:
            if lease is not None:
                check_lease(connection, lease)
            _write_head(connection, kept)
            _write_versions(connection, kept)
            _end_rollout(connection, before, kept, act.at_s)
            _write_rollout(connection, kept)
            record(connection, act, change_of(before, kept, action))
        return kept


def _write_head(connection: Connection, kept: ModelRecord) -> None:
    """Raise the revision if it is the one before, which also locks the record for the others."""
    columns = model_columns(kept)
    if kept.revision == 1:
        try:
            connection.execute(insert(MODELS).values(columns))
        except IntegrityError as error:
            raise _moved(kept) from error
        return
    is_as_before = (MODELS.c.model == kept.model, MODELS.c.revision == kept.revision - 1)
    if not connection.execute(update(MODELS).where(*is_as_before).values(columns)).rowcount:
        raise _moved(kept)


def _moved(kept: ModelRecord) -> StateConflict:
    expected = "there to be nothing" if kept.revision == 1 else f"revision {kept.revision - 1}"
    message = f"model '{kept.model}' has been changed by another: this change expected {expected}"
    return StateConflict(message)


def _write_versions(connection: Connection, kept: ModelRecord) -> None:
    connection.execute(delete(VERSIONS).where(VERSIONS.c.model == kept.model))
    rows = [version_columns(kept.model, one) for one in kept.versions.values()]
    if rows:
        connection.execute(insert(VERSIONS), rows)


def _end_rollout(
    connection: Connection, before: ModelRecord | None, kept: ModelRecord, now_s: float
) -> None:
    ended = None if before is None else before.rollout
    if ended is None or (kept.rollout and kept.rollout.rollout == ended.rollout):
        return
    version = kept.versions.get(ended.version)
    end = {
        "ended_s": now_s,
        "outcome": version.phase.value if version else None,
        "reason": version.reason if version else "",
    }
    connection.execute(update(ROLLOUTS).where(ROLLOUTS.c.rollout == ended.rollout).values(end))
    _forget_oldest(connection, kept.model)


def _forget_oldest(connection: Connection, model: str) -> None:
    has_ended = (ROLLOUTS.c.model == model, ROLLOUTS.c.ended_s.is_not(None))
    last = _last_ended(select(ROLLOUTS.c.rollout), model, MOST_ENDED)
    connection.execute(delete(ROLLOUTS).where(*has_ended, ROLLOUTS.c.rollout.not_in(last)))


def _last_ended(query: Select[Any], model: str, limit: int) -> Select[Any]:
    return (
        query.where(ROLLOUTS.c.model == model, ROLLOUTS.c.ended_s.is_not(None))
        .order_by(ROLLOUTS.c.ended_s.desc(), ROLLOUTS.c.started_s.desc())
        .limit(limit)
    )


def _write_rollout(connection: Connection, kept: ModelRecord) -> None:
    if kept.rollout is None:
        return
    columns = rollout_columns(kept.model, kept.rollout)
    is_it = (ROLLOUTS.c.rollout == kept.rollout.rollout, ROLLOUTS.c.model == kept.model)
    under_way = ROLLOUTS.c.ended_s.is_(None)
    if connection.execute(update(ROLLOUTS).where(*is_it, under_way).values(columns)).rowcount:
        return
    try:
        connection.execute(insert(ROLLOUTS).values(columns))
    except IntegrityError as error:
        message = f"there has been a rollout '{kept.rollout.rollout}' already: each has its own id"
        raise StateConflict(message) from error
