"""Does what a contract says of protection agree with the model's config, and with itself?

Whether another model that it names exists, and fits, is asked by ``seawall check``.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from control.contracts.document import ContractDocument
from control.contracts.fallback_document import FallbackStep, ModelStep
from control.contracts.faults import Complaint, Key, unknown_name
from control.contracts.static_rows import static_fault
from control.core.contract import Contract

_STATEFUL: Final = "the model keeps state between requests (sequence_batching)"


def protection_disagreements(document: ContractDocument, contract: Contract) -> Iterator[Complaint]:
    """Give every key of protection that cannot hold, with the reason."""
    yield from _memory(document)
    yield from _retries(document, contract)
    yield from _reuse(document, contract)
    for place, step in enumerate(document.fallbacks):
        for key, message in _step(step, document, contract):
            yield ("fallbacks", place, *key), message


def own_version_steps(document: ContractDocument, version: int) -> Iterator[Complaint]:
    """Give the fallbacks of a version's own file that name this very version.

    In a file of the whole model such a step is for the other versions; this one skips it.
    """
    for place, step in enumerate(document.fallbacks):
        if step.version == version:
            yield ("fallbacks", place, "version"), "is this version itself"


def _memory(document: ContractDocument) -> Iterator[Complaint]:
    counted = any(one.tokens is not None for one in document.inputs.values())
    if document.limits.memory.bytes_per_token and not counted:
        message = "needs an input with 'tokens': nothing is counted here"
        yield ("limits", "memory", "bytes_per_token"), message


def _retries(document: ContractDocument, contract: Contract) -> Iterator[Complaint]:
    retries, deadline_ms = document.retries, document.limits.deadline_ms
    per_try_ms = retries.per_try_timeout_ms
    if per_try_ms is not None and deadline_ms is not None and per_try_ms >= deadline_ms:
        message = f"must be less than limits.deadline_ms {deadline_ms:g}, got {per_try_ms:g}"
        yield ("retries", "per_try_timeout_ms"), message
    if not contract.stateful:
        return
    if "num_retries" in retries.model_fields_set and retries.num_retries:
        yield ("retries", "num_retries"), f"must be 0: {_STATEFUL}"
    if retries.hedge_on_per_try_timeout:
        yield ("retries", "hedge_on_per_try_timeout"), f"must be false: {_STATEFUL}"


def _reuse(document: ContractDocument, contract: Contract) -> Iterator[Complaint]:
    if document.deterministic and contract.stateful:
        yield ("deterministic",), f"must be false: {_STATEFUL}"
    if document.cache is not None and not document.deterministic:
        yield ("cache",), "needs deterministic: true; other models give no answer twice"


def _step(
    step: FallbackStep, document: ContractDocument, contract: Contract
) -> Iterator[Complaint]:
    if step.cache is not None and document.cache is None:
        yield ("cache",), "needs the key 'cache' of this contract: nothing is kept"
    if step.version is not None and contract.stateful:
        yield ("version",), f"has not seen the sequence's beginning: {_STATEFUL}"
    if step.model is not None:
        for key, message in _model(step.model, contract):
            yield ("model", *key), message
    if step.static is not None:
        for key, message in _static(step.static, contract):
            yield ("static", *key), message


def _model(step: ModelStep, contract: Contract) -> Iterator[Complaint]:
    if step.name == contract.model:
        yield ("name",), "is this model itself; another version of it is a step 'version'"
    for theirs, ours in step.inputs.items():
        if ours not in contract.inputs:
            yield ("inputs", theirs), unknown_name("input of this model", contract.inputs)
    if step.outputs:
        yield from _all_outputs(step.outputs, contract, ("outputs",))


def _static(rows: Mapping[str, object], contract: Contract) -> Iterator[Complaint]:
    yield from _all_outputs(rows, contract, ())
    for name, row in rows.items():
        if name in contract.outputs:
            fault = static_fault(contract.outputs[name], row)
            if fault:
                yield (name,), fault


def _all_outputs(named: Mapping[str, object], contract: Contract, key: Key) -> Iterator[Complaint]:
    for name in named:
        if name not in contract.outputs:
            yield (*key, name), unknown_name("output of this model", contract.outputs)
    missing = [name for name in contract.outputs if name not in named]
    if missing:
        yield key, f"must give every output of this model; missing: {', '.join(missing)}"
