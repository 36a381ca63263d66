"""A contract proposed from traffic: pure, from what was learned and what stands in the file.

Everything that was measured would pass the proposed contract. It never allows more than Triton's
config does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from control.core.contract import Contract
from control.core.datatypes import BYTES
from control.learning.bounds import upper_batch, upper_body_bytes
from control.learning.changes import Change, Changes
from control.learning.input_rules import propose_dims, propose_drift, propose_numbers
from control.learning.parameter_rules import propose_parameters
from control.learning.summary import InputSummary, VersionSummary
from control.learning.text_rules import propose_texts

MIN_REQUESTS: Final = 200
#: Of the requests that it takes in all, one in so many must have carried an input.
_PART: Final = 4

#: Rules over several inputs, and the files' own schemas: whether they are wrong, or the requests
#: were, only the author knows.
_KEPT: Final = ("same_length", "total_tokens", "context", "json_schema")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes to the contract file, and what a reviewer should know besides."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TooLittleTraffic:
    """Why nothing is proposed: requests looked into, and how many it takes."""

    sketched: int
    needed: int


def propose(
    learned: VersionSummary,
    contract: Contract,
    present: Mapping[str, Any],
    min_requests: int = MIN_REQUESTS,
) -> Proposal | TooLittleTraffic:
    """Propose changes to the values ``present`` of a contract file.

    Raises ValueError where ``learned`` is broken.
    """
    if learned.sketched < min_requests:
        return TooLittleTraffic(learned.sketched, min_requests)
    changes = Changes(present)
    _propose_limits(changes, learned, contract)
    inputs = dict(_known_inputs(changes, learned, contract, min_requests))
    for name, one in inputs.items():
        propose_dims(changes, name, one)
        if one.datatype == BYTES:
            propose_texts(changes, name, one, learned.breaches)
        else:
            propose_numbers(changes, name, one, learned.breaches)
    propose_parameters(changes, learned)
    for name, one in inputs.items():
        propose_drift(changes, name, one)
    _note_kept(changes, learned)
    return Proposal(tuple(changes.made), tuple(changes.notes))


def _known_inputs(
    changes: Changes, learned: VersionSummary, contract: Contract, min_requests: int
) -> Iterator[tuple[str, InputSummary]]:
    """Give the inputs that enough requests carried; note the others."""
    for name, spec in contract.inputs.items():
        one = learned.inputs.get(name)
        if one is None or (one.datatype, one.dims) != (spec.datatype, spec.dims):
            changes.notes.append(f"input {name}: no request carried it, nothing is proposed for it")
        elif one.requests < min_requests // _PART:
            changes.notes.append(
                f"input {name}: it was looked at in {one.requests} requests only, nothing is"
                f" proposed for it"
            )
        else:
            if one.partly:
                changes.notes.append(
                    f"input {name}: {one.partly} requests were too large to be measured whole;"
                    f" limits may be too narrow for what was not looked at"
                )
            yield name, one


def _propose_limits(changes: Changes, learned: VersionSummary, contract: Contract) -> None:
    high = learned.body_bytes_high
    changes.at_most(("limits", "request_bytes"), high, upper_body_bytes(high))
    if contract.max_batch_size and learned.batch_high:
        batch = upper_batch(learned.batch_high)
        tighter = batch if batch < contract.max_batch_size else None
        changes.at_most(("limits", "batch"), learned.batch_high, tighter)


def _note_kept(changes: Changes, learned: VersionSummary) -> None:
    for breach, count in learned.breaches.items():
        place, _, rule = breach.rpartition(" ")
        of_input = rule == "json_schema" and place.startswith("inputs.")
        if rule in _KEPT and not of_input:
            changes.notes.append(
                f"{place}: {count} of {learned.sketched} requests broke '{rule}'; it is kept"
            )
