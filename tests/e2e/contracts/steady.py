"""Clients that send the same request without pause, and count the different answers."""

import http.client
import json
import threading
from collections import Counter
from types import TracebackType
from typing import Any, Self

from tests.e2e.contracts.calls import Call


class SteadyCalls:
    """``count`` clients with a connection each; ``answers`` counts what they got."""

    def __init__(self, address: str, call: Call, count: int) -> None:
        self.answers: Counter[tuple[int, str]] = Counter()
        self._address = address
        self._call = call
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        path = f"/v2/models/{self._call.model}/{self._call.endpoint}"
        while not self._stop.is_set():
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
