"""What a change of a model's record looks like in the audit trail: only what differs."""

from typing import Any, Final

import msgspec

from control.core.orders import Target
from control.core.rollout_record import ModelRecord
from control.state.audit import Change
from control.state.rollout_rows import model_columns, rollout_columns, version_columns

_Document = dict[str, Any]
#: Said already by the entry itself, its time, or the place in the document.
_KNOWN: Final = frozenset({"model", "revision"})
_KNOWN_OF_VERSION: Final = _KNOWN | {"version", "since_s"}
_KNOWN_OF_ROLLOUT: Final = _KNOWN | {"started_s", "step_since_s"}


def change_of(before: ModelRecord | None, after: ModelRecord, action: str) -> Change:
    """Describe the change; its target is a version where it touches that one alone."""
    touched = _touched(before, after)
    target = Target(after.model, touched.pop() if len(touched) == 1 else None)
    now = _document_of(after)
    if before is None:
        return Change(action, target.path, None, now)
    return Change(action, target.path, *_differences(_document_of(before), now))


def _document_of(record: ModelRecord) -> _Document:
    versions = {
        str(one.version): _without(_KNOWN_OF_VERSION, version_columns(record.model, one))
        for one in record.versions.values()
    }
    head = _without(_KNOWN, model_columns(record))
    return {**head, "versions": versions, "rollout": _rollout_of(record)}


def _rollout_of(record: ModelRecord) -> _Document | None:
    if record.rollout is None:
        return None
    columns = rollout_columns(record.model, record.rollout)
    policy = msgspec.to_builtins(record.rollout.policy)  # what has changed of it, not all as text
    return _without(_KNOWN_OF_ROLLOUT, {**columns, "policy": policy})


def _without(names: frozenset[str], columns: _Document) -> _Document:
    return {name: value for name, value in columns.items() if name not in names}


def _differences(before: _Document, after: _Document) -> tuple[_Document, _Document]:
    """Give of both what is not the same in the other; what one of them lacks is null there."""
    then: _Document = {}
    now: _Document = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            old, new = _differences(old, new)
        then[name], now[name] = old, new
    return then, now


def _touched(before: ModelRecord | None, after: ModelRecord) -> set[int]:
    then = {} if before is None else before.versions
    numbers = {*then, *after.versions}
    touched = {number for number in numbers if then.get(number) != after.versions.get(number)}
    old = None if before is None else before.rollout
    if old != after.rollout:
        touched |= {one.version for one in (old, after.rollout) if one is not None}
    return touched
