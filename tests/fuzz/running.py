"""Sends a corpus over several connections, good requests in between, and gathers complaints."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.fuzz.client import Client, NoAnswer
from tests.fuzz.corpus import Case, good
from tests.fuzz.judging import complaints, good_faults

#: A good request follows each so many mutated ones, on the same connection.
EVERY = 8


@dataclass
class Run:
    """What came of a corpus."""

    statuses: Counter[int] = field(default_factory=Counter)
    good: int = 0
    complaints: list[str] = field(default_factory=list)

    def add(self, other: "Run") -> None:
        """Take in what another connection has found."""
        self.statuses += other.statuses
        self.good += other.good
        self.complaints += other.complaints


def send_all(
    address: str, cases: Sequence[Case], secrets: Sequence[str], connections: int = 4
) -> Run:
    """Send every request once, in order on each connection."""
    whole = Run()
    with ThreadPoolExecutor(connections) as pool:
        shares = [cases[number::connections] for number in range(connections)]
        for run in pool.map(lambda share: _send(address, share, secrets), shares):
            whole.add(run)
    return whole


def _send(address: str, cases: Sequence[Case], secrets: Sequence[str]) -> Run:
    run = Run()
    with Client(address) as client:
        for turn, case in enumerate(cases):
            _send_case(client, case, secrets, run)
            if turn % EVERY == 0:
                _send_good(client, case.number, run)
    return run


def _send_case(client: Client, case: Case, secrets: Sequence[str], run: Run) -> None:
    try:
        answer = client.exchange(case.request.encode(), case.request.method)
    except NoAnswer as error:
        run.complaints.append(f"{case.name}: no answer: {error}")
        return
    run.statuses[answer.status] += 1
    run.complaints += [f"{case.name}: {one}" for one in complaints(case, answer, secrets)]


def _send_good(client: Client, number: int, run: Run) -> None:
    expected = good(number)
    run.good += 1
    try:
        answer = client.exchange(expected.draft.request().encode())
    except NoAnswer as error:
        run.complaints.append(f"good request {number}: no answer: {error}")
        return
    run.complaints += [f"good request {number}: {one}" for one in good_faults(expected, answer)]
