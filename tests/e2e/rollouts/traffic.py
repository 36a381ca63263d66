"""A steady stream of requests from real clients, and everything that they got."""

import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tritonclient.http

from tests.support.clients import infer_body
from tests.support.crowd import Crowd

#: Every fifth client is an unmodified tritonclient; the others read headers too.
_TRITONCLIENT_EVERY = 5


@dataclass(frozen=True, slots=True)
class Got:
    """One answer; ``at_s`` is of the monotonic clock, when it had come."""

    at_s: float
    took_s: float
    status: str
    is_right: bool
    track: str = ""
    version: str = ""
    rerouted: str = ""
    key: str = ""


@dataclass
class Traffic:
    """What all clients got, in order."""

    answers: list[Got] = field(default_factory=list)

    @property
    def failed(self) -> list[Got]:
        """All that were not answered rightly."""
        return [one for one in self.answers if one.status != "200" or not one.is_right]

    def tracks(self, since_s: float = 0.0) -> Counter[str]:
        """How many each track has answered."""
        return Counter(one.track for one in self.answers if one.at_s >= since_s and one.track)

    def last_canary_s(self) -> float:
        """When the last answer of a canary came."""
        return max((one.at_s for one in self.answers if one.track == "canary"), default=0.0)


class SteadyTraffic(Crowd):
    """``rate`` requests a second in all, from ``count`` clients, each at its own even pace.

    ``ask`` makes a body from a number that is different for each request, and the outputs that are
    right for it.
    """

    def __init__(  # noqa: PLR0913 - each has a default that most tests take
        self,
        address: str,
        model: str = "twice",
        *,
        rate: float = 50.0,
        count: int = 10,
        ask: Callable[[int], tuple[bytes, Callable[[Any], bool]]] | None = None,
        headers: Callable[[int], dict[str, str]] | None = None,
        tritonclients: bool = True,
    ) -> None:
        self.traffic = Traffic()
        self._address = address
        self._model = model
        self._ask = ask or twice
        self._headers = headers or (lambda _: {})
        self._gap_s = count / rate
        self._count = count
        self._lock = threading.Lock()
        self._tritonclients = tritonclients and ask is None
        super().__init__(count)

    def run_one(self, number: int) -> None:
        """Be one client; a late answer moves no later request, as long as it can catch up."""
        by_client = self._tritonclients and number % _TRITONCLIENT_EVERY == 0
        sender = self._tritonclient_sender() if by_client else self._http_sender()
        turn = 0
        due_s = time.monotonic() + self._gap_s * number / self._count
        with sender as send:
            while not self.stop.wait(max(0.0, due_s - time.monotonic())):
                turn += 1
                got = send(number + turn * self._count)
                with self._lock:
                    self.traffic.answers.append(got)
                due_s = max(due_s + self._gap_s, time.monotonic() - 1.0)

    @contextlib.contextmanager
    def _http_sender(self) -> Iterator[Callable[[int], Got]]:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        path = f"/v2/models/{self._model}/infer"

        def send(number: int) -> Got:
            body, is_right = self._ask(number)
            headers = self._headers(number)
            started_s = time.monotonic()
            try:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                document = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                now_s = time.monotonic()
                return Got(now_s, now_s - started_s, type(error).__name__, is_right=False)
            now_s = time.monotonic()
            right = answer.status == 200 and is_right(document)
            return Got(
                now_s,
                now_s - started_s,
                str(answer.status),
                right,
                answer.headers.get("seawall-track", ""),
                answer.headers.get("seawall-model-version", ""),
                answer.headers.get("seawall-rerouted-from", ""),
                next(iter(headers.values()), ""),
            )

        yield send
        connection.close()

    @contextlib.contextmanager
    def _tritonclient_sender(self) -> Iterator[Callable[[int], Got]]:
        client = tritonclient.http.InferenceServerClient(
            self._address, network_timeout=60, connection_timeout=60
        )

        def send(number: int) -> Got:
            values = np.array([row_of(number)], np.float32)
            tensor = tritonclient.http.InferInput("INPUT0", list(values.shape), "FP32")
            tensor.set_data_from_numpy(values)
            started_s = time.monotonic()
            try:
                answer = client.infer(self._model, [tensor])
            except Exception as error:  # noqa: BLE001 - whatever a client raises is a failed request
                now_s = time.monotonic()
                return Got(now_s, now_s - started_s, type(error).__name__, is_right=False)
            now_s = time.monotonic()
            right = bool((answer.as_numpy("OUTPUT0") == values * 2).all())
            return Got(now_s, now_s - started_s, "200", right)

        yield send
        client.close()


def row_of(number: int) -> list[float]:
    """The row of a request: above 100, so that golden requests are never among them."""
    return [101.0 + number, 1.0, -2.0]


def twice(number: int) -> tuple[bytes, Callable[[Any], bool]]:
    """A request to the model ``twice``, and whether an answer to it is right."""
    row = row_of(number)
    expected = [2 * one for one in row]
    return infer_body(row), lambda document: document["outputs"][0]["data"] == expected
