"""How long a tritonserver may take to bring up the versions that it starts with."""

import contextlib
import threading
from typing import Final

from control.controller.rollouts.policies import Policies
from control.core.canary_policy import DEFAULT_CANARY
from control.repository.served import ServedRepository

#: Reading takes longer only where the file system hangs.
_PATIENCE_S: Final = 2.0


class LoadLimit:
    """The most that the contract of any live version allows, as far as it can be read."""

    def __init__(
        self, served: ServedRepository, policies: Policies, patience_s: float = _PATIENCE_S
    ) -> None:
        """Read nothing yet; until it has been read, it is what a version without a word gets."""
        self._served = served
        self._policies = policies
        self._patience_s = patience_s
        self._known_s = DEFAULT_CANARY.verification.load_timeout_s
        self._look: threading.Thread | None = None

    def longest_s(self) -> float:
        """Read the contracts, and give it; as it was last where that takes long or fails.

        They lie with the models' authors: no start of tritonserver may hang with their file system.
        One thread at a time may call.
        """
        look = self._look
        if look is None or not look.is_alive():
            look = self._look = threading.Thread(target=self._read, name="limits", daemon=True)
            look.start()
        look.join(self._patience_s)
        return self._known_s

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            self._known_s = longest_load_s(self._served, self._policies)


def longest_load_s(served: ServedRepository, policies: Policies) -> float:
    """Give the most that the contract of any live version allows; reads files."""
    return max(
        (
            policies.of(model, version).verification.load_timeout_s
            for model in served.inspect().loadable
            for version in served.live_versions(model)
        ),
        default=0.0,
    )
