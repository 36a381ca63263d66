"""The example models behind a Seawall of their own, with contract files that tests may rewrite."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.e2e.contracts.calls import Call, is_refused
from tests.e2e.contracts.rule_table import RuleCase
from tests.support.answers import Answer
from tests.support.stack import EXAMPLES, TEST_MODELS, Stack, wait_until

ECHO: Final = "every_type"
_VIOLATIONS: Final = "seawall_contract_violations_total"
#: The controller looks at files four times a second, at broken ones once a second.
ADOPTED_WITHIN_S: Final = 10.0


def copy_examples(target: Path) -> None:
    """Copy the example models, and the test model that echoes; weights are linked."""
    for folder in sorted(EXAMPLES.iterdir()):
        if (folder / "config.pbtxt").is_file():
            ignored = shutil.ignore_patterns("__pycache__")
            copied = target / folder.name
            shutil.copytree(folder, copied, copy_function=_link_weights, ignore=ignored)
    shutil.copytree(TEST_MODELS / ECHO, target / ECHO)


def _link_weights(source: str, target: str) -> None:
    # Files that a test may rewrite must not be the originals.
    if source.endswith((".safetensors", ".onnx")):
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copy2(source, target)
    else:
        shutil.copy2(source, target)


@dataclass
class Examples:
    """A running Seawall in front of `repository`."""

    stack: Stack
    repository: Path
    _originals: dict[str, str] = field(default_factory=dict)
    _modes: dict[str, str] = field(default_factory=dict)

    def file(self, model: str) -> Path:
        """A model's contract file."""
        return self.repository / model / "contract.yaml"

    def original(self, model: str) -> str:
        """The contract as it is in the example repository."""
        if model not in self._originals:
            source = EXAMPLES / model / "contract.yaml"
            self._originals[model] = source.read_text() if source.is_file() else ""
        return self._originals[model]

    def write(self, model: str, text: str) -> None:
        """Put another contract in place, whole."""
        self._modes.pop(model, None)
        draft = self.file(model).with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.file(model))

    def switch(self, model: str, mode: str, probe: RuleCase) -> None:
        """Switch the example contract's mode; a breach that the model does not mind shows it."""
        if self._modes.get(model) == mode:
            return
        if model not in self._modes:
            # Whatever held before may let the probe pass too, but not refuse it in these words.
            self.write(model, f"mode: enforce\n{self.original(model)}")
            self.until(probe.bad, partial(is_refused, violations=probe.violations))
        self.write(model, f"mode: {mode}\n{self.original(model)}")
        self.until(probe.bad, lambda answer: (answer.status == 422) == (mode == "enforce"))
        self._modes[model] = mode

    def restore(self, model: str) -> None:
        """Put the example repository's contract back."""
        self.write(model, self.original(model))

    def send(self, call: Call) -> Answer:
        """Send one request."""
        return call.send(self.stack.http)

    def until(
        self, call: Call, condition: Callable[[Answer], Any], within_s: float = ADOPTED_WITHIN_S
    ) -> Answer:
        """Send a request until its answer is as wanted; give that answer."""
        seen: list[Answer] = []

        def arrived() -> bool:
            seen[:] = [self.send(call)]
            return bool(condition(seen[0]))

        try:
            wait_until(arrived, f"another answer of {call.model}", within_s)
        except AssertionError as error:
            message = f"{error}: {seen[0].status} {seen[0].body[:2000]!r}"
            raise AssertionError(message) from error
        return seen[0]

    def breaches(self, model: str, rule: str, mode: str) -> float:
        """How many breaches of a rule have been counted."""
        return self.stack.metric(_VIOLATIONS, model=model, rule=rule, mode=mode)
