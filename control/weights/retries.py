"""How often and how patiently an interrupted transfer is tried again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from control.weights.errors import WeightsError
from control.weights.transport import Interrupted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """Up to `attempts` tries; the pause starts at `pause_s` and doubles."""

    attempts: int = 5
    pause_s: float = 0.5
    sleep: Callable[[float], None] = time.sleep

    def run(self, action: Callable[[], T]) -> T:
        """Return the first success; WeightsError when the last try was interrupted too."""
        for tried in range(1, self.attempts + 1):
            try:
                return action()
            except Interrupted as error:
                if tried == self.attempts:
                    raise WeightsError(f"{error} (gave up after {tried} tries)") from error
                self.sleep(self.pause_s * 2 ** (tried - 1))
        raise WeightsError("no try is allowed: attempts must be at least 1")
