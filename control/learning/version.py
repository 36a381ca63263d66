"""All that one gateway has learned of one model version."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from control.core.contract import TensorSpec
from control.core.datatypes import BYTES
from control.core.drift import NO_ENVELOPE
from control.core.findings import Findings
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest, Tensor
from control.core.violations import Violation
from control.learning.numbers import LearnedNumbers
from control.learning.pace import Pace
from control.learning.parameters import LearnedParameters
from control.learning.recent import RecentValues
from control.learning.share import MOST_INPUTS, share_of
from control.learning.summary import VersionSummary, breach_key
from control.learning.texts import LearnedTexts

#: Requests a second that are looked into.
RATE: Final = 50.0
#: Inputs that are learned: five sketches each at most, so 800 KiB for a version.
_MOST_LEARNED_INPUTS: Final = 32
_MOST_BREACHES: Final = 64
_MOST_BREACHES_OF_ONE: Final = 128


class LearnedVersion:
    """Bounded in memory, and in what one request costs; belongs to the event loop."""

    def __init__(self, view: VersionView) -> None:
        """Learn the inputs that the version's contract names."""
        self.view = view
        self.pace = Pace(RATE)
        self.requests = 0
        self.batch_high = 0
        self.body_bytes_high = 0
        self._sketched = 0
        self._batched = bool(view.contract.max_batch_size)
        specs = islice(view.contract.inputs.items(), _MOST_LEARNED_INPUTS)
        self._inputs = {name: _learned_input(spec) for name, spec in specs}
        self._parameters = LearnedParameters()
        self._breaches: dict[str, int] = {}
        self.adopt(view)

    def fits(self, view: VersionView) -> bool:
        """Whether what was learned is about the same inputs."""
        return view.contract.inputs == self.view.contract.inputs and self._batched == bool(
            view.contract.max_batch_size
        )

    def adopt(self, view: VersionView) -> None:
        """Go on with a newer view of the same inputs."""
        self.view = view
        envelope = view.rules.drift if view.rules is not None else NO_ENVELOPE
        for name, one in self._inputs.items():
            one.features.compare_with(envelope.inputs.get(name, {}))

    def count(self, request: InferRequest, body_bytes: int) -> None:
        """Count a request: a few comparisons, whatever its size."""
        self.requests += 1
        self.body_bytes_high = max(self.body_bytes_high, body_bytes)
        if self._batched and request.inputs:
            batch = request.inputs[0].shape[0]
            self.batch_high = max(self.batch_high, batch)

    def sketch(self, request: InferRequest, findings: Findings | None, place: float) -> None:
        """Look into a request; ``place`` is a random number from 0 to 1."""
        self._sketched += 1
        self._parameters.note(request.parameters)
        if findings is not None and findings.violations:
            self._count_breaches(findings.violations)
        if not request.inputs:
            return
        chosen = _in_turn(request.inputs, self._sketched)
        share = share_of(len(chosen), place)
        counts = findings.token_counts if findings is not None else {}
        for tensor in chosen:
            learned = self._inputs.get(tensor.name)
            if learned is None:
                continue
            learned.note(tensor, self._batched, share)
            if counts.get(tensor.name) and isinstance(learned, LearnedTexts):
                learned.note_tokens(counts[tensor.name], share)

    def recent(self) -> Iterator[tuple[str, str, RecentValues]]:
        """Give input, feature and recent values of all that there are deciles for."""
        for name, one in self._inputs.items():
            for feature, recent in one.features.recent().items():
                yield name, feature, recent

    def summary(self) -> VersionSummary:
        """Give what was learned so far."""
        inputs = {name: one.summary() for name, one in self._inputs.items()}
        return VersionSummary(
            model=self.view.model,
            version=self.view.version,
            requests=self.requests,
            sketched=self._sketched,
            batch_high=self.batch_high,
            body_bytes_high=self.body_bytes_high,
            inputs={name: one for name, one in inputs.items() if one.requests},
            parameters=self._parameters.summaries(),
            more_parameters=self._parameters.more,
            breaches=dict(self._breaches),
        )

    def _count_breaches(self, violations: Sequence[Violation]) -> None:
        keys = {breach_key(one.path, one.rule) for one in violations[:_MOST_BREACHES_OF_ONE]}
        for key in keys:
            if key in self._breaches or len(self._breaches) < _MOST_BREACHES:
                self._breaches[key] = self._breaches.get(key, 0) + 1


def _learned_input(spec: TensorSpec) -> LearnedNumbers | LearnedTexts:
    return LearnedTexts(spec) if spec.datatype == BYTES else LearnedNumbers(spec)


def _in_turn(inputs: Sequence[Tensor], turn: int) -> Sequence[Tensor]:
    """Give the inputs to look at; where there are many, other ones each time."""
    if len(inputs) <= MOST_INPUTS:
        return inputs
    start = turn * MOST_INPUTS % len(inputs)
    return [*inputs[start:], *inputs[:start]][:MOST_INPUTS]
