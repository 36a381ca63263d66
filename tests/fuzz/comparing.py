"""Sends the corpus to a target that may die of it, one request at a time, and counts what comes."""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tests.fuzz.client import Answer, Client, NoAnswer, TooSlow
from tests.fuzz.corpus import Case, good
from tests.fuzz.judging import gives_away, good_faults, wrong_values
from tests.fuzz.running import EVERY
from tests.support.stack import Stack

PATIENCE_S: Final = 10.0
_DYING_S: Final = 5.0
_DEAD_MODEL: Final = b"is not healthy"
_OK, _SERVER_ERROR = 200, 500
_PROGRESS_EVERY: Final = 1000

#: What may come of a request, the worst first.
KINDS: Final = (
    "death", "dead model", "no answer", "5xx", "wrong", "accepted", "inside", "good lost",
)  # fmt: skip
#: After these the target must be started anew.
_FATAL: Final = {"death", "dead model", "no answer"}


class Target(Protocol):
    """What the corpus is sent to."""

    @property
    def address(self) -> str | Path:
        """Where it takes HTTP requests."""

    @property
    def pid(self) -> int:
        """The process id of its tritonserver."""

    def has_died(self, patience_s: float = 0.0) -> bool:
        """Whether tritonserver has ended since it was last started."""

    def restart(self) -> None:
        """Start a new one."""


class GuardedTriton:
    """A tritonserver behind Seawall, which restarts it itself."""

    def __init__(self, stack: Stack) -> None:
        """Watch the server of a running stack."""
        self._stack = stack
        self.address: str | Path = stack.http
        self.pid = stack.triton_pid

    def has_died(self, patience_s: float = 0.0) -> bool:
        """Whether another one runs now; Seawall waits for that, not we."""
        del patience_s
        return self._stack.triton_pid != self.pid

    def restart(self) -> None:
        """Leave that to Seawall."""
        self.pid = self._stack.triton_pid


@dataclass(slots=True)
class Outcome:
    """What came of the corpus at one target, counted by the change that was made."""

    requests: Counter[str] = field(default_factory=Counter)
    good: int = 0
    peak_bytes: int = 0
    found: dict[str, Counter[str]] = field(
        default_factory=lambda: {kind: Counter() for kind in KINDS}
    )


def send_one_by_one(target: Target, cases: Iterable[Case]) -> Outcome:
    """Send every request after the one before has ended, so that it is plain which did what."""
    outcome = Outcome()
    with Client(target.address, PATIENCE_S) as client:
        for number, case in enumerate(cases):
            if number % _PROGRESS_EVERY == 0:
                deaths = outcome.found["death"].total()
                print(f"{number} requests, {deaths} deaths", file=sys.stderr, flush=True)  # noqa: T201
            label = "two changes" if case.family == "two" else case.change
            outcome.requests[label] += 1
            kinds = list(_send_case(target, client, case))
            outcome.peak_bytes = max(outcome.peak_bytes, _peak_bytes(target.pid))
            if number % EVERY == 0 and _FATAL.isdisjoint(kinds):
                outcome.good += 1
                kinds += _send_good(client, case.number)
            for kind in kinds:
                outcome.found[kind][label] += 1
            if not _FATAL.isdisjoint(kinds):
                client.close()
                target.restart()
    return outcome


def _send_case(target: Target, client: Client, case: Case) -> Iterator[str]:
    try:
        answer = client.exchange(case.request.encode(), case.request.method)
    except TooSlow:
        yield "no answer"
        return
    except NoAnswer:
        yield "death" if target.has_died(_DYING_S) else "no answer"
        return
    if target.has_died():
        yield "death"
    elif _DEAD_MODEL in answer.body:
        yield "dead model"
    else:
        yield from _judge(case, answer)


def _judge(case: Case, answer: Answer) -> Iterator[str]:
    if answer.status >= _SERVER_ERROR:
        yield "5xx"
    if answer.status == _OK and wrong_values(case, answer):
        yield "wrong"
    elif answer.status == _OK and case.refused:
        yield "accepted"
    if answer.status != _OK and gives_away(answer):
        yield "inside"


def _send_good(client: Client, number: int) -> list[str]:
    expected = good(number)
    try:
        answer = client.exchange(expected.draft.request().encode())
    except NoAnswer:
        return ["good lost"]
    return ["good lost"] if good_faults(expected, answer) else []


def _peak_bytes(pid: int) -> int:
    """The most memory that a process has had in use; 0 where it has ended."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    return 0
