"""Clients that send the same request without pause, and count the different answers."""

import http.client
import json
import threading
from collections import Counter
from typing import Any

from tests.e2e.contracts.calls import Call
from tests.support.crowd import Crowd


class SteadyCalls(Crowd):
    """``count`` clients with a connection each; ``answers`` counts what they got."""

    def __init__(self, address: str, call: Call, count: int) -> None:
        self.answers: Counter[tuple[int, str]] = Counter()
        self._address = address
        self._call = call
        self._lock = threading.Lock()
        super().__init__(count)

    def run_one(self, _number: int) -> None:
        """Send the call again and again on one connection."""
        connection = http.client.HTTPConnection(self._address, timeout=60)
        path = f"/v2/models/{self._call.model}/{self._call.endpoint}"
        while not self.stop.is_set():
            try:
                connection.request("POST", path, self._call.body, dict(self._call.headers))
                answer = connection.getresponse()
                key = (answer.status, essence(json.loads(answer.read())))
            except OSError as error:
                key = (0, type(error).__name__)
                connection.close()
            with self._lock:
                self.answers[key] += 1
        connection.close()


def essence(document: Any) -> str:
    """What makes an answer different from others: its breaches, else its outputs."""
    return json.dumps(document.get("violations") or document.get("outputs") or document)
