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
    """Any thread may read, and never waits. Raises StateUnavailable.

    Changes are made one after the other, so that all hear of them in the order in which they are
    durable: none may be made on the event loop.
    """

    def __init__(self, store: RolloutStore) -> None:
        """Know nothing before ``reload``."""
        self._store = store
        self._changing = threading.Lock()
        #: Replaced as a whole by whoever changes it.
        self._records: Mapping[str, ModelRecord] | None = None
        self._listeners: list[Listener] = []
        self._listeners_elsewhere: list[Listener] = []

    def on_change(self, listener: Listener) -> None:
        """Call ``listener`` after each change made here, on the thread that made it."""
        self._listeners.append(listener)

    def on_change_elsewhere(self, listener: Listener) -> None:
        """Call ``listener`` when another's changes are seen: with all of them in one step."""
        self._listeners_elsewhere.append(listener)

    def records(self) -> Mapping[str, ModelRecord]:
        """Give all records as they are known."""
        return self._records or {}

    def record(self, model: str) -> ModelRecord | None:
        """Give one model's record."""
        return self.records().get(model)

    def history(self, model: str, limit: int) -> list[EndedRollout]:
        """Load at most ``limit`` attempts that have ended, the last one first."""
        return self._store.history(model, limit)

    def reload(self) -> None:
        """Read all records anew: another controller may have changed them."""
        with self._changing:
            self._reload()

    def commit(
        self, before: ModelRecord | None, step: Step, act: Act, lease: Lease | None = None
    ) -> ModelRecord:
        """Make a step durable and tell the listeners; raises StateConflict where it comes late.

        After a conflict the record that won is the one that is known here.
        """
        with self._changing:
            try:
                after = self._store.commit(before, step.record, act, step.action, lease)
            except StateConflict:
                self._reload()
                raise
            self._records = {**self.records(), after.model: after}
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

    def _reload(self) -> None:
        known, found = self._records, self._store.load_all()
        self._records = {**(known or {}), **found}
        if known is None:
            return  # there was nobody before to hear of it
        for model, record in found.items():
            before = known.get(model)
            if before is None or record.revision > before.revision:
                for listener in self._listeners_elsewhere:
                    listener(before, Step(record, "changed_elsewhere", ""))
