"""What changes for callers between the contracts of two versions, files included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pydantic

from control.contracts.document import ContractDocument, TensorRules
from control.contracts.faults import ContractBroken, Fault
from control.contracts.rules_in_force import (
    context_rules,
    parameter_rules,
    rejects_others,
    request_rules,
    tensor_rules,
)
from control.core.contract import Contract, TensorSpec
from control.core.contract_diff import Change, ContractDiff, diff_contracts, gather
from control.core.rule_changes import changes
from control.repository.names import CONTRACT

_UNSAID: Final = TensorRules()
_Specs = Mapping[str, TensorSpec]


@dataclass(frozen=True, slots=True)
class Promise:
    """What callers of one version rely on: its config, and its contract file in resolved form."""

    contract: Contract
    document: Mapping[str, Any] = field(default_factory=dict)


def diff_promises(live: Promise, new: Promise) -> ContractDiff:
    """Compare all that two versions promise. Raises ContractBroken."""
    rules = diff_rules(live.document, new.document, live.contract, new.contract)
    return diff_contracts(live.contract, new.contract) + rules


def diff_rules(
    live_document: Mapping[str, Any],
    new_document: Mapping[str, Any],
    live: Contract | None = None,
    new: Contract | None = None,
) -> ContractDiff:
    """Compare two resolved documents. Raises ContractBroken.

    With the contracts of both configs a rule that only repeats its config counts as unsaid, and
    tensors that one of them lacks, or has in another form, are left to ``diff_contracts``.
    """
    was, now = _in_force(live_document), _in_force(new_document)
    inputs = outputs = None
    if live is not None and new is not None:
        inputs = dict(_alike(live.inputs, new.inputs))
        outputs = dict(_alike(live.outputs, new.outputs))
    batch = new.max_batch_size or None if new is not None else None
    return gather(
        [
            *changes("", request_rules(was, batch), request_rules(now, batch)),
            *_context(was, now),
            *_parameters(was, now),
            *_tensors("inputs", was.inputs, now.inputs, inputs),
            *_tensors("outputs", was.outputs, now.outputs, outputs),
        ]
    )


def _in_force(values: Mapping[str, Any]) -> ContractDocument:
    """Read a document; one that only observes holds nobody to anything."""
    try:
        document = ContractDocument.model_validate(values)
    except pydantic.ValidationError as error:
        raise ContractBroken([Fault(CONTRACT, 0, "", str(error))]) from error
    return document if document.mode == "enforce" else ContractDocument()


def _alike(live: _Specs, new: _Specs) -> Iterator[tuple[str, TensorSpec]]:
    """Give the tensors that both have, with the same datatype and rank."""
    for name, spec in new.items():
        was = live.get(name)
        if was and (was.datatype, len(was.dims)) == (spec.datatype, len(spec.dims)):
            yield name, spec


def _tensors(
    side: str,
    live: Mapping[str, TensorRules],
    new: Mapping[str, TensorRules],
    specs: _Specs | None,
) -> Iterator[Change]:
    for name in {**live, **new}:
        spec = specs.get(name) if specs is not None else None
        if spec is not None or specs is None:
            was = tensor_rules(live.get(name, _UNSAID), spec)
            now = tensor_rules(new.get(name, _UNSAID), spec)
            yield from changes(f"{side}.{name}.", was, now, of_answers=side == "outputs")


def _context(live: ContractDocument, new: ContractDocument) -> Iterator[Change]:
    was, now = context_rules(live), context_rules(new)
    if was is None or now is None:  # there is nothing to compare the rest with
        was, now = ({"max": one and one["max"]} for one in (was, now))
    yield from changes("rules.context.", was, now)


def _parameters(live: ContractDocument, new: ContractDocument) -> Iterator[Change]:
    was, now = live.parameters or {}, new.parameters or {}
    for name in {**was, **now}:
        where, ours, theirs = f"parameters.{name}", was.get(name), now.get(name)
        if ours is None and rejects_others(live):
            is_needed = theirs is not None and theirs.required
            yield is_needed, f"{where} was rejected, and is {'required' if is_needed else 'taken'}"
        elif theirs is None and rejects_others(new):
            yield True, f"{where} was taken, and is rejected"
        else:
            unruled: dict[str, Any] = {}
            yield from changes(
                f"{where}.",
                unruled if ours is None else parameter_rules(ours),
                unruled if theirs is None else parameter_rules(theirs),
            )
