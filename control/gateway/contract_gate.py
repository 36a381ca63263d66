"""Holds requests and answers against their contract: Triton's config, and the author's file.

The checks themselves are pure; this decides where they run. Small ones run at once. Large tensors
of numbers run on a thread, since numpy lets others run meanwhile; large texts in the process beside
the gateway, since Python does not.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from control.contracts.artifacts import ArtifactMissing, ArtifactStore
from control.contracts.compiled import CompiledContract
from control.contracts.folder import ResolvedContract, revive
from control.core.contract import check_answer, check_request, derive_contract
from control.core.findings import ContractRules, Findings, Truncation
from control.core.snapshot import VersionView
from control.core.tensors import Buffer, InferRequest, Tensor
from control.core.violations import Violation
from control.errors import BadUpstreamAnswer, ContractViolated, UpstreamUnavailable
from control.gateway.codec.triton_form import Answer
from control.gateway.heavy_work import HEAVY_BYTES, HeavyWork
from control.gateway.observe import Observation, Observer

#: The parameter of an answer that says which texts were cut.
TRUNCATED: Final = "seawall_truncated"

#: A check of more than this leaves the event loop: going to a thread and back takes 0.1 ms.
_SMALL_US: Final = 400.0
#: Texts of more than this would hold the interpreter's lock too long even on a thread.
_HEAVY_TEXTS_US: Final = 20_000.0
_SHOWN_TRUNCATIONS: Final = 16
_SHOWN_PLACES: Final = 32
_MAX_VIOLATIONS: Final = 256
_NOTHING: Final = Findings()

#: What the helper process needs to compile a version's contract itself.
_Portable = tuple[bytes, bytes, ArtifactStore]


class ContractGate:
    """Checks requests before Triton sees them, and answers before clients do."""

    def __init__(self, heavy: HeavyWork, observer: Observer, artifacts: ArtifactStore) -> None:
        """Send large texts to ``heavy``, which loads tokenizers from ``artifacts``."""
        self._heavy = heavy
        self._observer = observer
        self._artifacts = artifacts

    async def admit(
        self, seen: Observation, view: VersionView, request: InferRequest, document: Buffer | None
    ) -> Findings:
        """Let a good request pass; raises ContractViolated with every breach.

        ``document`` is the body of a ``/generate`` request. Texts may be cut on the way.
        """
        breaches = check_request(view.contract, request)
        rules = view.rules
        findings = _NOTHING
        if rules is not None:
            findings = await self._apply(rules, view, request, seen.body_bytes)
            if document is not None:
                findings.violations += await self._check_document(rules, view, document)
            if findings.violations:
                self._observer.breached(seen, findings.violations, enforced=rules.enforced)
                if rules.enforced:
                    breaches += findings.violations
        if breaches:
            message = f"request breaks the contract of model '{view.model}': {_places(breaches)}"
            raise ContractViolated(message, violations=breaches[:_MAX_VIOLATIONS])
        return findings

    async def accept(
        self, seen: Observation, view: VersionView, answer: Answer, request: InferRequest
    ) -> None:
        """Let a good answer pass; raises BadUpstreamAnswer with every breach."""
        breaches = check_answer(view.contract, answer.tensors, request)
        rules = view.rules
        if rules is not None:
            effort = rules.effort(answer.tensors)
            if effort.numbers_us + effort.texts_us < _SMALL_US:
                found = rules.check_answer(answer.tensors)
            else:
                found = await asyncio.to_thread(rules.check_answer, answer.tensors)
            if found:
                self._observer.breached(seen, found, enforced=rules.enforced)
                if rules.enforced:
                    breaches += found
        if breaches:
            where = f"model '{view.model}' version {view.version}"
            message = f"{where} answered wrongly: {_places(breaches)}"
            raise BadUpstreamAnswer(message, violations=breaches[:_MAX_VIOLATIONS])

    async def _apply(
        self, rules: ContractRules, view: VersionView, request: InferRequest, body_bytes: int
    ) -> Findings:
        effort = rules.effort(request.inputs)
        if effort.numbers_us + effort.texts_us < _SMALL_US:
            return rules.check_request(request, body_bytes)
        if effort.texts_us < _HEAVY_TEXTS_US:
            return await asyncio.to_thread(rules.check_request, request, body_bytes)
        inputs = [
            Tensor(one.name, one.datatype, one.shape, bytes(one.data)) for one in request.inputs
        ]
        portable = InferRequest(inputs, parameters=request.parameters)
        with _without_artifacts():
            contract = self._portable(view)
            findings, cut = await self._heavy.run(check_elsewhere, contract, portable, body_bytes)
        for tensor in request.inputs:
            tensor.data = cut.get(tensor.name, tensor.data)
        return findings

    async def _check_document(
        self, rules: ContractRules, view: VersionView, document: Buffer
    ) -> list[Violation]:
        if rules.document_us(len(document)) < _SMALL_US:
            return rules.check_generate(document)
        if len(document) <= HEAVY_BYTES:
            return await asyncio.to_thread(rules.check_generate, document)
        with _without_artifacts():
            job = self._heavy.run(check_document_elsewhere, self._portable(view), bytes(document))
            return await job

    def _portable(self, view: VersionView) -> _Portable:
        return view.config_json, view.contract_json, self._artifacts


@contextlib.contextmanager
def _without_artifacts() -> Iterator[None]:
    """Say so where the helper process cannot load what the gateway could, when it started."""
    try:
        yield
    except ArtifactMissing as error:
        message = "this model's contract cannot be applied to large requests now"
        raise UpstreamUnavailable(message, retry_after_s=5) from error


def _places(breaches: Sequence[Violation]) -> str:
    shown = [f"{one.path} ({one.rule})" for one in breaches[:_SHOWN_PLACES]]
    left = len(breaches) - len(shown)
    return ", ".join([*shown, f"and {left} more"] if left else shown)


def note_truncations(answer: Answer, truncations: Sequence[Truncation]) -> None:
    """Say in the answer's parameters which texts were cut."""
    said = [
        f"inputs.{one.input}[{one.element}]: {one.got} tokens cut to {one.limit}"
        for one in truncations[:_SHOWN_TRUNCATIONS]
    ]
    left = len(truncations) - len(said)
    if left:
        said.append(f"and {left} more")
    answer.parameters = {**(answer.parameters or {}), TRUNCATED: "; ".join(said)}
    answer.as_triton_wrote_it = False


def check_elsewhere(
    contract: _Portable, request: InferRequest, body_bytes: int
) -> tuple[Findings, dict[str, Buffer]]:
    """Check a request in the helper process; give the findings and the texts that were cut."""
    rules = _compiled(*contract)
    findings = rules.check_request(request, body_bytes)
    cut = {one.input for one in findings.truncations}
    return findings, {one.name: one.data for one in request.inputs if one.name in cut}


def check_document_elsewhere(contract: _Portable, document: bytes) -> list[Violation]:
    """Check the body of a ``/generate`` request in the helper process."""
    return _compiled(*contract).check_generate(document)


@lru_cache(maxsize=16)
def _compiled(config: bytes, document: bytes, artifacts: ArtifactStore) -> CompiledContract:
    contract = derive_contract(msgspec.json.decode(config, type=dict[str, object]))
    resolved = msgspec.json.decode(document, type=ResolvedContract)
    return revive(resolved, contract, artifacts.counters(resolved))
