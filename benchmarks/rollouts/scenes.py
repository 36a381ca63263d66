"""One rollout after the other, under a steady stream of requests, and what came of each."""

import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.e2e.rollouts.examples import ASK, drop_second, repository_with_first_versions
from tests.e2e.rollouts.kinds import BAD_IN_TRAFFIC
from tests.e2e.rollouts.traffic import Got, SteadyTraffic, Traffic
from tests.e2e.rollouts.versions import drop, make_repository
from tests.e2e.rollouts.watching import phase, stopped_s, version, wait_for
from tests.support.stack import Stack, wait_until

_BEFORE_S: Final = 10.0
_SOME: Final = 100
_TIMEOUT_S: Final = 300.0
_ENDS: Final = ("rolled_back", "rejected", "live")

#: How long a phase lasted, and what each request in it took.
_Part = tuple[float, list[float]]


@dataclass(frozen=True, slots=True)
class Bad:
    """One version that is bad in traffic.

    ``requests`` and ``failed`` are of the whole time. ``decided_s`` is from the first request that
    stable answered in the canary's stead to the decision, ``to_zero_s`` from there to the last
    answer of the canary that a client got, ``durable_s`` from there to the kept record.
    """

    kind: str
    end: str
    reason: str
    requests: int
    failed: int
    rerouted: int
    decided_s: float
    to_zero_s: float
    durable_s: float


@dataclass(frozen=True, slots=True)
class Span:
    """What the requests of one phase of a good version took; ``lasted_s`` is the mean."""

    phase: str
    lasted_s: float
    requests: int
    p50_s: float
    p99_s: float


@dataclass(frozen=True, slots=True)
class Good:
    """One good version, as often as it was dropped; the first span is the time before its drop."""

    model: str
    live: int
    runs: int
    requests: int
    failed: int
    spans: tuple[Span, ...]


def bad_versions(kind: str, runs: int) -> Iterator[Bad]:
    """Roll out versions that are bad only in traffic, one after the other."""
    case = BAD_IN_TRAFFIC[kind]
    with _folder() as folder:
        repository = make_repository(folder, case.contract, case.first)
        with Stack(repository) as stack, SteadyTraffic(stack.http) as clients:
            wait_until(lambda: len(clients.traffic.answers) > _SOME, "answers of version 1")
            for number in range(2, runs + 2):
                since = len(clients.traffic.answers)
                drop(repository, number, kind)
                known = wait_for(stack, number, *_ENDS, timeout_s=_TIMEOUT_S)
                _see_more(clients)
                is_back = known["phase"] == "rolled_back"
                times = stopped_s(stack, number) if is_back else (0.0, 0.0)
                yield _bad(kind, known, clients.traffic.answers[since:], times)


def _see_more(clients: SteadyTraffic) -> None:
    goal = len(clients.traffic.answers) + _SOME
    wait_until(lambda: len(clients.traffic.answers) > goal, "more answers")


def _bad(kind: str, known: dict[str, Any], answers: list[Got], times: tuple[float, float]) -> Bad:
    decided_s, durable_s = times
    traffic = Traffic(answers)
    first_s = min((one.at_s for one in answers if one.rerouted), default=decided_s)
    return Bad(
        kind,
        known["phase"],
        known["reason"],
        len(answers),
        len(traffic.failed),
        sum(bool(one.rerouted) for one in answers),
        max(0.0, decided_s - first_s),
        max(0.0, traffic.last_canary_s() - decided_s),
        durable_s - decided_s,
    )


def same_versions(count: int) -> tuple[list[str], int, int]:
    """Roll out ``count`` times what is served already: their ends, requests, failed ones."""
    with _folder() as folder:
        repository = make_repository(folder)
        with Stack(repository) as stack, SteadyTraffic(stack.http) as clients:
            ends = []
            for number in range(2, count + 2):
                drop(repository, number, "good")
                ends.append(wait_for(stack, number, *_ENDS, timeout_s=_TIMEOUT_S)["phase"])
                print(f"  {number - 1} of {count}: {ends[-1]}", flush=True)
    return ends, len(clients.traffic.answers), len(clients.traffic.failed)


def good_version(model: str, runs: int) -> Good:
    """Drop an example's second version so many times, each on a Seawall of its own."""
    done = [_good_run(model) for _ in range(runs)]
    phases = list(dict.fromkeys(name for _, _, parts in done for name in parts))
    spans = [_span(name, [one[name] for _, _, one in done if name in one]) for name in phases]
    answers = [one for _, traffic, _ in done for one in traffic.answers]
    failed = [one for _, traffic, _ in done for one in traffic.failed]
    ends = [end for end, _, _ in done]
    return Good(model, ends.count("live"), runs, len(answers), len(failed), tuple(spans))


def _good_run(model: str) -> tuple[str, Traffic, dict[str, _Part]]:
    """Give the end, all answers, and those of each phase, the time before and after among them."""
    with _folder() as folder:
        repository = repository_with_first_versions(folder / "examples")
        with (
            Stack(repository) as stack,
            SteadyTraffic(stack.http, model, ask=ASK[model]) as clients,
        ):
            wait_until(lambda: len(clients.traffic.answers) > _SOME, "answers of version 1")
            marks = [("before", time.monotonic())]
            wait_until(lambda: time.monotonic() > marks[0][1] + _BEFORE_S, "a time before")
            marks.append(("dropped", time.monotonic()))
            drop_second(repository, model)
            _follow(stack, model, marks)
            end = version(stack, 2, model).get("phase", "")
            wait_until(lambda: time.monotonic() > marks[-1][1] + _BEFORE_S, "a time after")
            marks.append(("", time.monotonic()))
    parts: dict[str, _Part] = {}
    for (name, since_s), (_, until_s) in itertools.pairwise(marks):
        took = [one.took_s for one in clients.traffic.answers if since_s <= one.at_s < until_s]
        parts[name] = until_s - since_s, took
    return end, clients.traffic, parts


def _span(name: str, parts: Sequence[_Part]) -> Span:
    took = np.array([one for _, durations in parts for one in durations] or [0.0])
    p50_s, p99_s = np.percentile(took, [50, 99])
    lasted_s = statistics.mean(one for one, _ in parts)
    return Span(name, lasted_s, sum(len(one) for _, one in parts), float(p50_s), float(p99_s))


def medians(values: list[float]) -> tuple[float, float]:
    """The median and the greatest."""
    return statistics.median(values), max(values)


def _follow(stack: Stack, model: str, marks: list[tuple[str, float]]) -> None:
    def ended() -> bool:
        now = phase(stack, 2, model)
        if now and now != marks[-1][0]:
            marks.append((now, time.monotonic()))
        return now in _ENDS

    wait_until(ended, f"{model} 2 has ended", _TIMEOUT_S)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="seawall-rollouts-") as name:
        folder = Path(name) / "models"
        folder.mkdir()
        yield folder


def as_json(document: object) -> str:
    """One line for the results' file."""
    return json.dumps(document, default=lambda one: {k: getattr(one, k) for k in one.__slots__})
