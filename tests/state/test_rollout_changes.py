"""What the audit trail shows of a changed record."""

from dataclasses import replace

import msgspec

from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.state.store import StateStore
from tests.state.kept_records import ACT, ONE, POLICY, ROLLOUT, TWO, commit, with_version


def test_the_audit_trail_shows_what_differs(store: StateStore) -> None:
    """Of a version where only that one is touched, else of the model; times are the entry's."""
    record = commit(store, None, ModelRecord("m", stable=1, versions={1: ONE}))
    record = commit(store, record, with_version(record, replace(TWO, phase=Phase.STAGED)))
    record = commit(store, record, with_version(record, replace(TWO, since_s=9.0), rollout=ROLLOUT))
    faster = replace(POLICY, interval_s=1.0)
    further = replace(ROLLOUT, weight=50.0, step=2, policy=faster)
    record = commit(store, record, replace(record, rollout=further))
    both = {1: replace(ONE, phase=Phase.RETIRED), 2: replace(TWO, phase=Phase.LIVE)}
    commit(store, record, replace(record, stable=2, versions=both, rollout=None))
    entries = store.audit.load(10)[::-1]
    version_1 = {"phase": "live", "reason": ONE.reason, "digest": "sha256:1", "fault": ""}
    version_1 |= {"model_digest": "sha256:m"}
    version_2 = {"phase": "staged", "reason": TWO.reason, "digest": "sha256:2", "fault": ""}
    version_2 |= {"model_digest": ""}
    head = {"stable": 1, "previous": None}
    policy = msgspec.json.decode(msgspec.json.encode(POLICY))
    begun = {
        "rollout": "r1", "version": 2, "stable": 1, "isolation": "own_server", "step": 1,
        "weight": 12.5, "is_manual": True, "is_paused": True, "policy": policy,
    }  # fmt: skip
    assert [(one.target, one.before, one.after) for one in entries] == [
        ("models/m/versions/1", None, {**head, "versions": {"1": version_1}, "rollout": None}),
        ("models/m/versions/2", {"versions": {"2": None}}, {"versions": {"2": version_2}}),
        (
            "models/m/versions/2",
            {"versions": {"2": {"phase": "staged"}}, "rollout": None},
            {"versions": {"2": {"phase": "canary"}}, "rollout": begun},
        ),
        (
            "models/m/versions/2",
            {"rollout": {"step": 1, "weight": 12.5, "policy": {"interval_s": 30.0}}},
            {"rollout": {"step": 2, "weight": 50.0, "policy": {"interval_s": 1.0}}},
        ),
        (
            "models/m",
            {
                "stable": 1,
                "versions": {"1": {"phase": "live"}, "2": {"phase": "canary"}},
                "rollout": {
                    **begun,
                    "step": 2,
                    "weight": 50.0,
                    "policy": {**policy, "interval_s": 1.0},
                },
            },
            {
                "stable": 2,
                "versions": {"1": {"phase": "retired"}, "2": {"phase": "live"}},
                "rollout": None,
            },
        ),
    ]
    assert {(one.act, one.action) for one in entries} == {(ACT, "changed")}
