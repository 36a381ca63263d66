"""The servers of a run: one Triton behind all targets, and a new front for each run."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import wire
from benchmarks.cases import EMBED
from benchmarks.targets import Target
from benchmarks.targets.envoy import Envoy
from benchmarks.targets.envoy_overload import OverloadGuards
from benchmarks.targets.process import FreePorts
from benchmarks.targets.seawall import Seawall
from benchmarks.targets.triton import DirectTriton

_REST_S = 10.0  # to work off a queue; a new Triton is there in about as long
_KILL_S = 1.0  # what it works at is of no use to anybody
_AT_REST_S = 0.1  # an answer that comes sooner did not wait


class Stage:
    """Starts and ends servers; everything of theirs lies under one directory."""

    def __init__(self, work_dir: Path, ports: FreePorts) -> None:
        """Prepare to start servers on these ports."""
        self._work_dir = work_dir
        self._ports = ports
        self._count = 0
        self.triton = self._new_triton()

    def start(self) -> None:
        """Start Triton."""
        self.triton.start()

    def stop(self) -> None:
        """End Triton."""
        self.triton.stop()

    def rest(self, probe: bytes, *, backlog_s: float) -> bool:
        """Wait until Triton has no more work; a new one takes its place if that takes too long.

        Triton works off what nobody waits for any more: it cannot cancel over HTTP. ``backlog_s``
        is how long that may take. Gives whether it was replaced.
        """
        if backlog_s < _REST_S and self._comes_to_rest(probe):
            return False
        self.triton.stop(_KILL_S)
        self.triton = self._new_triton()
        self.triton.start()
        return True

    @contextmanager
    def front(self, name: str, guards: OverloadGuards) -> Iterator[Target]:
        """Run a target before Triton, or Triton alone."""
        if name == self.triton.name:
            yield self.triton
            return
        target = self._new_front(name, guards)
        try:
            target.start()
            yield target
        finally:
            target.stop()

    def _comes_to_rest(self, probe: bytes) -> bool:
        give_up_s = time.monotonic() + _REST_S
        while (left_s := give_up_s - time.monotonic()) > 0:
            asked_s = time.monotonic()
            if not self._answers(probe, left_s):
                return False
            if time.monotonic() - asked_s < _AT_REST_S:
                return True
        return False

    def _answers(self, probe: bytes, timeout_s: float) -> bool:
        try:
            answer = wire.exchange(self.triton.address, probe, timeout_s)
        except (OSError, http.client.HTTPException):
            return False
        return answer.status == http.HTTPStatus.OK

    def _new_triton(self) -> DirectTriton:
        return DirectTriton([EMBED], self._directory("triton"), self._ports)

    def _new_front(self, name: str, guards: OverloadGuards) -> Target:
        directory = self._directory(name)
        if name == Envoy.name:
            return Envoy(self.triton.http_socket, directory, self._ports, guards)
        return Seawall(self.triton.http_socket, self.triton.grpc_port, directory, self._ports)

    def _directory(self, name: str) -> Path:
        self._count += 1
        path = self._work_dir / f"{name}-{self._count}"
        path.mkdir()
        return path
