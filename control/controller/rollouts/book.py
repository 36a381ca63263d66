"""The records of all models: kept in the database, held here, changed by comparing revisions."""

import threading
from collections.abc import Callable, Mapping
from typing import Final

from control.core.rollout import Step
from control.core.rollout_record import ModelRecord
from control.errors import StateConflict
from control.observability.logs import get_logger
from control.state.audit import Act
from control.state.leases import Lease
from control.state.rollout_rows import EndedRollout
from control.state.rollouts import RolloutStore

#: Called with the record before (None for a new model), the one after, and the step between them.
Listener = Callable[[ModelRecord | None, Step], None]

_log: Final = get_logger("rollouts")


class RolloutBook:
    """Any thread may call; a lock guards the records. Raises StateUnavailable."""

    def __init__(self, store: RolloutStore) -> None:
        """Know nothing before ``reload``."""
        self._store = store
        self._lock = threading.Lock()
        self._records: dict[str, ModelRecord] = {}
        self._listeners: list[Listener] = []

    def on_change(self, listener: Listener) -> None:
        """Call ``listener`` after each change made here, on the thread that made it."""
        self._listeners.append(listener)

    def records(self) -> Mapping[str, ModelRecord]:
        """Give all records as they are known."""
        with self._lock:
            return dict(self._records)

    def record(self, model: str) -> ModelRecord | None:
        """Give one model's record."""
        with self._lock:
            return self._records.get(model)

    def history(self, model: str, limit: int) -> list[EndedRollout]:
        """Load at most ``limit`` attempts that have ended, the last one first."""
        return self._store.history(model, limit)

    def reload(self) -> None:
        """Read all records anew: another controller may have changed them."""
        found = self._store.load_all()
        with self._lock:
            for model, record in found.items():
                known = self._records.get(model)
                if known is None or record.revision > known.revision:
                    self._records[model] = record

    def commit(
        self, before: ModelRecord | None, step: Step, act: Act, lease: Lease | None = None
    ) -> ModelRecord:
        """Make a step durable and tell the listeners; raises StateConflict where it comes late.

        After a conflict the record that won is the one that is known here.
        """
        try:
            after = self._store.commit(before, step.record, act, step.action, lease)
        except StateConflict:
            self.reload()
            raise
        with self._lock:
            self._records[after.model] = after
        _log.info(
            "rollout_step",
            model=after.model,
            action=step.action,
            reason=step.reason,
            by=act.subject,
            revision=after.revision,
        )
        for listener in self._listeners:
            listener(before, Step(after, step.action, step.reason))
        return after
