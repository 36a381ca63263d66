"""Many clients at once, each with its own connection, that count what they get."""

import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.support.crowd import Crowd


def infer_body(values: list[float], name: str = "INPUT0") -> bytes:
    """One JSON request with one row of FP32 values."""
    tensor = {"name": name, "shape": [1, len(values)], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


def post(address: str, path: str, body: bytes, timeout_s: float = 60.0) -> tuple[int, Any]:
    """POST on a connection of its own; give the status and the JSON document."""
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@dataclass
class Tally:
    """What the clients got: statuses, wrong answers, and the slowest answer."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[Any] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def total(self) -> int:
        """All requests that ended, one way or another."""
        return sum(self.statuses.values())


class SteadyClients(Crowd):
    """Clients that each send the identity model one request after the other until stopped."""

    def __init__(self, address: str, count: int, model: str = "identity") -> None:
        self._address = address
        self._path = f"/v2/models/{model}/infer"
        self._lock = threading.Lock()
        self.tally = Tally()
        super().__init__(count)

    def run_one(self, number: int) -> None:
        """Send one request after the other on one connection."""
        connection = http.client.HTTPConnection(self._address, timeout=60)
        turn = 0
        while not self.stop.is_set():
            turn += 1
            values = [0.0, float(number), float(turn)]
            started_s = time.monotonic()
            try:
                connection.request("POST", self._path, infer_body(values))
                answer = connection.getresponse()
                document = json.loads(answer.read())
                outcome = str(answer.status)
            except OSError as error:
                outcome, document = type(error).__name__, None
                connection.close()
            self._note(outcome, document, values, time.monotonic() - started_s)
        connection.close()

    def _note(self, outcome: str, document: Any, values: list[float], took_s: float) -> None:
        with self._lock:
            tally = self.tally
            tally.statuses[outcome] += 1
            tally.slowest_s = max(tally.slowest_s, took_s)
            if outcome == "200" and document["outputs"][0]["data"] != values:
                tally.wrong.append((values, document))
