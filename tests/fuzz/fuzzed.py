"""A running Seawall that is being fuzzed, and what must not change about it."""

from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.client import Client
from tests.fuzz.corpus import good
from tests.fuzz.judging import good_faults
from tests.support.stack import Stack

_GATEWAY = "control.gateway.process"
_MIB = 1024 * 1024

#: What the processes may grow by over the whole corpus. Measured: Triton by 2 to 4 MiB; the gateway
#: by 30 MiB without the compression bombs, each of which unfolds to 64 MiB before it is refused,
#: and by 60 to 210 MiB with them, which its threads keep for the next. A second run adds nothing.
TRITON_GROWTH_BYTES = 32 * _MIB
GATEWAY_GROWTH_BYTES = 320 * _MIB


@dataclass(frozen=True, slots=True)
class _State:
    triton_pid: int
    gateway_pid: int
    triton_bytes: int
    gateway_bytes: int


class Fuzzed:
    """One stack under fuzz."""

    def __init__(self, stack: Stack, repository: Path, every: int) -> None:
        self.stack = stack
        #: Which part of the corpus it gets: all, or each so-many-th request.
        self.every = every
        self.address = stack.http
        #: What no error may show: where this Seawall and its models lie.
        self.secrets = (stack.directory.name, str(repository), "seawall_", "shm_region")
        self._before = self._state()

    def assert_unharmed(self) -> None:
        """The same processes run, hardly larger than before, and every model answers."""
        before, now = self._before, self._state()
        growth = (now.triton_bytes - before.triton_bytes, now.gateway_bytes - before.gateway_bytes)
        assert (now.triton_pid, now.gateway_pid) == (before.triton_pid, before.gateway_pid)
        assert growth[0] < TRITON_GROWTH_BYTES
        assert growth[1] < GATEWAY_GROWTH_BYTES
        with Client(self.address) as client:
            for number in range(100):
                expected = good(number)
                answer = client.exchange(expected.draft.request().encode())
                assert good_faults(expected, answer) == []

    def _state(self) -> _State:
        triton, gateway = self.stack.triton_pid, self.stack.child_pid(_GATEWAY)
        return _State(triton, gateway, _resident_bytes(triton), _resident_bytes(gateway))


def _resident_bytes(pid: int) -> int:
    """The memory that a process has in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
