"""All that is known of the version on trial; the checks read it and add to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.contracts.compiled import CompiledContract
from control.contracts.contract_changes import Promise
from control.contracts.folder import read_contract
from control.core.contract import Contract
from control.core.tensors import AnswerTensor, InferRequest
from control.verification.asking import Subject
from control.verification.job import Job, Measurements
from control.verification.scratch_triton import ScratchTriton
from control.verification.verdicts import Skipped


@dataclass(frozen=True, slots=True)
class Copy:
    """The version as copied: ``folder`` is its model in the scratch repository.

    ``config`` is what its config.pbtxt says, before Triton adds to it, and ``digest`` is of that.
    """

    job: Job
    folder: Path
    config: dict[str, Any]
    digest: str

    def rules(self, version: int, contract: Contract) -> CompiledContract | None:
        """Compile the contract file that holds for a version; raises ContractBroken."""
        source = read_contract(Path(self.job.source), version, contract)
        return source.compiled if source else None

    def promise(self, version: int, contract: Contract) -> Promise:
        """Give all that a version promises to callers; raises ContractBroken."""
        source = read_contract(Path(self.job.source), version, contract)
        return Promise(contract, source.resolved.document if source else {})


@dataclass(frozen=True, slots=True)
class Solo:
    """A request, what it is called, and the answer that it got when nothing else was asked."""

    name: str
    request: InferRequest
    answer: Sequence[AnswerTensor]


@dataclass(slots=True)
class Trial:
    """A version that has been loaded.

    ``live`` is None where there is nothing to measure against. ``unrepeatable`` says why answers
    cannot be compared, empty where they can.
    """

    copy: Copy
    triton: ScratchTriton
    new: Subject
    live: Subject | None
    measured: Measurements
    solos: list[Solo] = field(default_factory=list)
    unrepeatable: str = ""

    def comparable(self) -> list[Solo]:
        """Give what later answers are compared with; raises Skipped where there is nothing."""
        if self.unrepeatable:
            raise Skipped(self.unrepeatable)
        if not self.solos:
            message = "there is no request to compare answers by"
            raise Skipped(message)
        return self.solos
