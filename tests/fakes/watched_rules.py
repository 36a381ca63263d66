"""A contract that remembers where it was asked."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from control.contracts.compiled import CompiledContract
from control.core.drift import Envelope
from control.core.findings import Effort, Findings
from control.core.tensors import AnswerTensor, Buffer, InferRequest, Tensor
from control.core.violations import Violation


@dataclass
class WatchedRules:
    """Answers as the real one does; ``threads`` has the thread of each check."""

    rules: CompiledContract
    threads: list[int] = field(default_factory=list)

    @property
    def revision(self) -> str:
        return self.rules.revision

    @property
    def enforced(self) -> bool:
        return self.rules.enforced

    @property
    def drift(self) -> Envelope:
        return self.rules.drift

    def check_request(self, request: InferRequest, body_bytes: int) -> Findings:
        self.threads.append(threading.get_ident())
        return self.rules.check_request(request, body_bytes)

    def check_generate(self, body: Buffer) -> list[Violation]:
        self.threads.append(threading.get_ident())
        return self.rules.check_generate(body)

    def check_answer(self, answer: Sequence[AnswerTensor]) -> list[Violation]:
        self.threads.append(threading.get_ident())
        return self.rules.check_answer(answer)

    def document_us(self, body_bytes: int) -> float:
        return self.rules.document_us(body_bytes)

    def effort(self, tensors: Sequence[Tensor | AnswerTensor]) -> Effort:
        return self.rules.effort(tensors)
