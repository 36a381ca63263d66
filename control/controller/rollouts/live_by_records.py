"""Says what is live by the records, to a launcher that has nothing to serve yet: as JSON."""

import sys
from collections.abc import Iterable

import msgspec

from control.child import begin_child
from control.core.rollout_record import ModelRecord
from control.core.rollout_route import live_versions, model_digests
from control.errors import StateUnavailable
from control.repository.seeding import Known, Live
from control.state.store import StateStore


def main() -> None:
    """Write it to stdout; ends with status 1 where the database does not answer."""
    setup = begin_child("records", logs_as="launcher")
    try:
        store = StateStore.open(setup.settings.state.database_url, setup.paths.database)
        records = store.rollouts.load_all()
    except StateUnavailable as error:  # the reason is in the log
        raise SystemExit(1) from error
    known = live_by_records(records.values()) if records else None
    sys.stdout.buffer.write(msgspec.json.encode(known))


def live_by_records(records: Iterable[ModelRecord]) -> Known:
    """Give what is live, by model; without the models of which nothing is."""
    live = {
        record.model: {
            version: Live(record.versions[version].digest, model_digests(record, version))
            for version in live_versions(record)
        }
        for record in records
    }
    return {model: versions for model, versions in live.items() if versions}


if __name__ == "__main__":
    main()
