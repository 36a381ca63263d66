"""What is proposed for the request parameters of a model."""

from collections.abc import Mapping
from typing import Any

from control.learning.bounds import upper_count, widened
from control.learning.changes import Changes, Path
from control.learning.summary import ParameterSummary, VersionSummary, breach_key


def propose_parameters(changes: Changes, learned: VersionSummary) -> None:
    """Propose a closed list of the parameters that were seen, with types and ranges."""
    said = changes.get(("parameters",))
    listed: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    for name in listed:
        _mend(changes, name, learned)
    if learned.more_parameters:
        changes.notes.append("there were too many different parameters: no list is proposed")
    elif learned.parameters:
        _offer_list(changes, learned, listed)


def _offer_list(changes: Changes, learned: VersionSummary, listed: Mapping[str, Any]) -> None:
    new = {name: one for name, one in learned.parameters.items() if name not in listed}
    rules = {name: _rules(one) for name, one in new.items()}
    needed = _needed_by_context(changes)
    if needed and needed not in {*listed, *rules} and not listed:
        rules[needed] = {"type": "integer"}
    for name, one in rules.items():
        if one is not None:
            changes.offer(("parameters", name), one)
    _open_for(changes, [name for name, one in rules.items() if one is None])


def _mend(changes: Changes, name: str, learned: VersionSummary) -> None:
    """Change what the author has said of a parameter, where requests did not keep to it."""
    path: Path = ("parameters", name)
    seen = learned.parameters.get(name)
    if seen is not None and not _is_admitted(changes.get((*path, "type")), seen):
        rules = _rules(seen)
        changes.contradict(path, rules, f"its types were {', '.join(sorted(seen.kinds))}")
        if rules is None:
            _open_for(changes, [name])
        return
    came = sum(seen.kinds.values()) if seen is not None else 0
    if changes.get((*path, "required")) is True and came < learned.sketched:
        changes.contradict((*path, "required"), False, "requests came without it")  # noqa: FBT003
    if learned.breaches.get(breach_key(f"parameters.{name}", "values")):
        changes.contradict((*path, "values"), None, "other values were seen")
    if seen is None:
        return
    rules = _rules(seen) or {}
    if seen.low is not None and seen.high is not None:
        changes.at_least((*path, "min"), seen.low, rules.get("min"))
        changes.at_most((*path, "max"), seen.high, rules.get("max"))
    if set(seen.kinds) == {"string"}:
        changes.at_most((*path, "max_chars"), seen.longest, rules["max_chars"])


def _is_admitted(kind: object, seen: ParameterSummary) -> bool:
    return set(seen.kinds) <= ({"integer", "number"} if kind == "number" else {kind})


def _open_for(changes: Changes, mixed: list[str]) -> None:
    """Let parameters pass that no list can name."""
    if not mixed:
        return
    changes.notes.append(f"parameters of more than one type are not listed: {', '.join(mixed)}")
    path: Path = ("other_parameters",)
    if not changes.has(path):
        changes.offer(path, "allow")
    elif changes.get(path) != "allow":
        changes.contradict(path, "allow", f"{mixed[0]} came in more than one type")


def _rules(one: ParameterSummary) -> dict[str, Any] | None:
    """Give a parameter's type and range; None where no one type admits all that came."""
    kinds = set(one.kinds)
    if kinds <= {"integer", "number"}:
        rules: dict[str, Any] = {"type": "integer" if kinds == {"integer"} else "number"}
        if one.low is not None and one.high is not None and one.low != one.high:
            rules["min"], rules["max"] = widened(one.low, one.high)
        return rules
    if kinds == {"string"}:
        return {"type": "string", "max_chars": max(1, upper_count(one.longest))}
    return {"type": "boolean"} if kinds == {"boolean"} else None


def _needed_by_context(changes: Changes) -> str:
    source = changes.get(("rules", "context", "new_tokens"))
    if not isinstance(source, str) or not source.startswith("parameters."):
        return ""
    return source.removeprefix("parameters.")
