"""Requests that together need more memory than there is, with the real Triton."""

import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.overload.memory_limits import KINDS, MIB, available
from tests.support.clients import infer_body, post
from tests.support.crowd import Crowd
from tests.support.stack import Stack, children_of, wait_until

pytestmark = pytest.mark.triton

MODELS = Path(__file__).parent / "models"
PATH = "/v2/models/hungry/infer"

#: Ten requests fit into the limit, eight of them into the budget with its headroom.
REQUEST_BYTES, LIMIT_BYTES = 64 * MIB, 680 * MIB
CLIENTS, EACH, HOLD_MS = 24, 6, 150.0
VALUES = [HOLD_MS] + [1.0] * (REQUEST_BYTES // 16384 // 4 - 1)

Connect = Callable[[], http.client.HTTPConnection]


class UnixConnection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("triton", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


class HungryClients(Crowd):
    """Clients that each send a few large requests, one after the other."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        super().__init__(CLIENTS)

    @property
    def done(self) -> bool:
        """Whether all have got all their answers."""
        return self.outcomes.total() == CLIENTS * EACH

    def run_one(self, number: int) -> None:
        """Send the requests, and note each outcome: right, or the status."""
        del number
        for _ in range(EACH):
            if self.stop.is_set():
                return
            connection = self._connect()
            try:
                connection.request("POST", PATH, infer_body(VALUES))
                answer = connection.getresponse()
                document = json.loads(answer.read())
                right = answer.status == 200 and document["outputs"][0]["data"] == [sum(VALUES)]
                outcome = "right" if right else str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                outcome = type(error).__name__
            finally:
                connection.close()
            with self._lock:
                self.outcomes[outcome] += 1


def stub_of(stack: Stack) -> int:
    """The model's process; Triton may have a helper beside it, or the remains of one."""
    (pid,) = [
        pid
        for pid in children_of(stack.triton_pid)
        if b"/hungry/1/" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return pid


def is_alive(pid: int) -> bool:
    """Whether a process lives: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def budget_used(stack: Stack) -> float:
    """The part of the budget that is reserved."""
    budget = stack.metric("seawall_memory_budget_bytes", model="hungry")
    return stack.metric("seawall_memory_reserved_bytes", model="hungry") / budget


@pytest.mark.parametrize("kind", available())
def test_the_budget_saves_a_model_from_its_memory_limit(kind: str) -> None:
    """Clients whose requests kill the model directly all get answers through Seawall.

    And it gives out most of the memory while it does: at least 70 % of the budget.
    """
    with Stack(MODELS) as stack:
        stub = stub_of(stack)
        with KINDS[kind](stub, LIMIT_BYTES):
            most = wait_until(lambda: _budget(stack), "the limit is seen")
            assert 5 * REQUEST_BYTES < most < 11 * REQUEST_BYTES
            used: list[float] = []
            with HungryClients(lambda: http.client.HTTPConnection(stack.http, timeout=60)) as crowd:
                wait_until(lambda: used.append(budget_used(stack)) or crowd.done, "answers", 90)
            assert crowd.outcomes == {"right": CLIENTS * EACH}
            assert is_alive(stub)
            assert max(used) >= 0.7
            wait_until(lambda: budget_used(stack) == 0, "everything is given back")
            with HungryClients(lambda: UnixConnection(stack.triton_socket)) as crowd:
                wait_until(lambda: crowd.done or not is_alive(stub), "an end", 90)
            assert not is_alive(stub)
            assert crowd.outcomes["500"] > 0


def test_a_request_that_can_never_fit_is_refused_at_once() -> None:
    """413 says that waiting is of no use, and the model does not see it."""
    with Stack(MODELS) as stack:
        stub = stub_of(stack)
        with KINDS["address_space"](stub, LIMIT_BYTES):
            wait_until(lambda: _budget(stack), "the limit is seen")
            values = VALUES * (LIMIT_BYTES // REQUEST_BYTES + 1)
            status, answer = post(stack.http, PATH, infer_body(values))
        assert (status, answer["code"]) == (413, "too_large")
        assert is_alive(stub)


def _budget(stack: Stack) -> float:
    """The budget, once it is less than the machine's memory."""
    budget = stack.metric("seawall_memory_budget_bytes", model="hungry")
    return budget if 0 < budget < LIMIT_BYTES else 0.0
