"""The request parameters of one model version while traffic comes in."""

from collections.abc import Mapping
from itertools import islice
from typing import Final

from control.core.across_rules import STANDARD_PARAMETERS, kind_of
from control.core.tensors import Parameter
from control.learning.summary import ParameterSummary

#: A client may invent names: of so many and so long ones the rest is only known to exist.
MOST_NAMES: Final = 32
MOST_NAME_CHARS: Final = 64


class LearnedParameters:
    """Names, JSON types and ranges; what Triton itself reads is left out."""

    def __init__(self) -> None:
        """Start without a parameter."""
        self._known: dict[str, _LearnedParameter] = {}
        self.more = False

    def note(self, parameters: Mapping[str, Parameter]) -> None:
        """Learn from one request."""
        self.more = self.more or len(parameters) > MOST_NAMES
        for name, value in islice(parameters.items(), MOST_NAMES):
            if name in STANDARD_PARAMETERS:
                continue
            known = self._known.get(name)
            if known is None and (len(self._known) >= MOST_NAMES or len(name) > MOST_NAME_CHARS):
                self.more = True
                continue
            if known is None:
                known = self._known[name] = _LearnedParameter()
            known.note(value)

    def summaries(self) -> dict[str, ParameterSummary]:
        """Give what was learned so far."""
        return {name: one.summary() for name, one in self._known.items()}


class _LearnedParameter:
    def __init__(self) -> None:
        self._kinds: dict[str, int] = {}
        self._low: int | float | None = None
        self._high: int | float | None = None
        self._longest = 0

    def note(self, value: Parameter) -> None:
        """Learn one value."""
        kind = kind_of(value)
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if isinstance(value, str):
            self._longest = max(self._longest, len(value))
        elif kind != "boolean":
            self._low = value if self._low is None else min(self._low, value)
            self._high = value if self._high is None else max(self._high, value)

    def summary(self) -> ParameterSummary:
        """Give what was learned so far."""
        return ParameterSummary(dict(self._kinds), self._low, self._high, self._longest)
