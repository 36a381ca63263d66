"""Clients of the models here, and what they hear."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.crowd import Crowd
from tests.support.exchange import exchange


@dataclass(frozen=True)
class Heard:
    """One answer, with the time it took and when it came."""

    status: int
    headers: Mapping[str, str]
    document: Any
    took_s: float
    at_s: float

    @property
    def values(self) -> list[float]:
        """The numbers of the first output."""
        (output,) = self.document["outputs"]
        assert output["name"] == "OUTPUT0"
        return list(output["data"])

    @property
    def fallback(self) -> str | None:
        """What gave the answer in the model's stead."""
        marked = self.headers.get("seawall-degraded") == "true"
        assert marked == ("seawall-fallback" in self.headers)
        return self.headers.get("seawall-fallback")


def ask(
    address: str,
    model: str,
    values: list[float],
    headers: Mapping[str, str] | None = None,
    *,
    shape: list[int] | None = None,
) -> Heard:
    """Send one request on a connection of its own."""
    tensor = {
        "name": "INPUT0",
        "shape": shape or [1, len(values)],
        "datatype": "FP32",
        "data": values,
    }
    body = json.dumps({"inputs": [tensor]}).encode()
    started_s = time.monotonic()
    answer = exchange(address, "POST", f"/v2/models/{model}/infer", body, headers)
    now_s = time.monotonic()
    return Heard(answer.status, answer.headers, json.loads(answer.body), now_s - started_s, now_s)


class Askers(Crowd):
    """Clients that each send one request after the other, all different, until stopped."""

    def __init__(self, address: str, model: str, count: int) -> None:
        self._address, self._model = address, model
        self.heard: list[Heard] = []
        self.wrong: list[tuple[list[float], Heard]] = []
        super().__init__(count)

    def run_one(self, number: int) -> None:
        """Send until stopped; a fallback's answer is right if it is the double."""
        turn = 0
        while not self.stop.is_set():
            turn += 1
            values = [float(number), float(turn)]
            heard = ask(self._address, self._model, values)
            if heard.status == 200:
                right = [2 * one for one in values] if heard.fallback else values
                if heard.values != right:
                    self.wrong.append((values, heard))
            self.heard.append(heard)

    def since(self, at_s: float) -> list[Heard]:
        """What was heard from this moment on."""
        return [one for one in list(self.heard) if one.at_s >= at_s]
