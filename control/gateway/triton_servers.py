"""The ways to all tritonservers: the main one, and those that versions have to themselves.

A server of a version's own has connections and a gate of its own: what happens to it is nothing to
the others.
"""

from collections.abc import Callable

from control.core.snapshot import Snapshot, VersionView
from control.gateway.triton_calls import TritonCalls
from control.observability.logs import get_logger

_log = get_logger("upstream")


class TritonServers:
    """Belongs to the event loop."""

    def __init__(self, main: TritonCalls, connect: Callable[[str], TritonCalls]) -> None:
        """Make the way to another than ``main`` by ``connect``, which raises ValueError."""
        self.main = main
        self._connect = connect
        self._others: dict[str, TritonCalls] = {}

    def of(self, view: VersionView) -> TritonCalls:
        """Give the way to the server that has this version."""
        if not view.upstream:
            return self.main
        return self._others.get(view.upstream, self.main)

    def learn(self, snapshot: Snapshot) -> None:
        """Make the ways that versions need; close those that none needs any more."""
        needed = {
            view.upstream
            for model in snapshot.models.values()
            for view in model.versions.values()
            if view.upstream
        }
        for address in self._others.keys() - needed:
            self._others.pop(address).close()
        for address in needed - self._others.keys():
            try:
                self._others[address] = self._connect(address)
            except ValueError as error:
                _log.error("upstream_unusable", reason=str(error))

    def close(self) -> None:
        """Close all but the main one."""
        while self._others:
            self._others.popitem()[1].close()
