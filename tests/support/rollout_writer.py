"""A process that goes on changing one model's record, for tests that kill it.

What the record is at a revision is known beforehand.
"""

import sys
from dataclasses import replace

from control.core.canary_policy import Isolation
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.state.audit import Act
from control.state.store import StateStore
from tests.support.databases import open_store

_ACT = Act("writer", "", 1.0)
#: A rollout lasts so many revisions, of which the last is the one that ends it.
_CYCLE = 4


def record_at(revision: int) -> ModelRecord:
    """Give the record at a revision: every row of it tells which one it is."""
    count = revision % 5 + 1
    versions = {
        number: VersionRecord(number, Phase.LIVE, f"revision {revision}", float(revision))
        for number in range(1, count + 1)
    }
    name = f"rollout {revision // _CYCLE}"
    rollout = Rollout(name, count, None, Isolation.SAME_SERVER, 0.0, weight=float(revision))
    return ModelRecord(
        "m",
        revision,
        stable=revision,
        previous=revision,
        versions=versions,
        rollout=rollout if revision % _CYCLE else None,
    )


def ended_at(revision: int) -> set[str]:
    """Give the names of the rollouts that have ended by a revision."""
    return {f"rollout {number}" for number in range(revision // _CYCLE)}


def write(store: StateStore) -> None:
    """Commit one revision after the other, and say so after each."""
    record = store.rollouts.load_all().get("m")
    while True:
        revision = 0 if record is None else record.revision
        after = replace(record_at(revision + 1), revision=revision)
        record = store.rollouts.commit(record, after, _ACT, "written")
        print(record.revision, flush=True)  # noqa: T201


if __name__ == "__main__":
    write(open_store(sys.argv[1]))
