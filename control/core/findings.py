"""What a check of a request or an answer against a contract has found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from control.core.drift import Envelope
from control.core.tensors import AnswerTensor, Buffer, InferRequest, Tensor
from control.core.violations import Violation


@dataclass(frozen=True, slots=True)
class Truncation:
    """A text that was cut at its token limit. ``element`` is its place in the tensor, row-major."""

    input: str
    element: int
    limit: int
    got: int


@dataclass(slots=True)
class Findings:
    """All that is wrong with one request, and what was learned about it on the way.

    ``token_counts``: for each input with a tokenizer, the tokens of each of its texts.
    """

    violations: list[Violation] = field(default_factory=list)
    truncations: list[Truncation] = field(default_factory=list)
    token_counts: dict[str, list[int]] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """The model's tokens in the whole request."""
        return sum(map(sum, self.token_counts.values())) if self.token_counts else 0


@dataclass(frozen=True, slots=True)
class Effort:
    """What a check is estimated to cost, microseconds.

    ``numbers_us`` lets other threads run meanwhile; ``texts_us`` holds the interpreter's lock.
    """

    numbers_us: float = 0.0
    texts_us: float = 0.0


class ContractRules(Protocol):
    """A contract file, compiled for one model version."""

    @property
    def revision(self) -> str:
        """Changes with anything in the contract."""
        ...

    @property
    def enforced(self) -> bool:
        """Whether breaches are refused, or only counted."""
        ...

    @property
    def drift(self) -> Envelope:
        """How inputs were distributed when the contract was learned."""
        ...

    def check_request(self, request: InferRequest, body_bytes: int) -> Findings:
        """Check everything that the contract says of requests; cuts texts it is told to cut."""
        ...

    def check_generate(self, body: Buffer) -> list[Violation]:
        """Check the JSON body of ``/generate``."""
        ...

    def document_us(self, body_bytes: int) -> float:
        """Estimate what checking a ``/generate`` body of this size costs, microseconds."""
        ...

    def check_answer(self, answer: Sequence[AnswerTensor]) -> list[Violation]:
        """Check everything that the contract says of outputs."""
        ...

    def effort(self, tensors: Sequence[Tensor | AnswerTensor]) -> Effort:
        """Estimate what checking these tensors costs."""
        ...
