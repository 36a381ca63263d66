"""Memory of real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from control.memory.processes import read_host, read_process, read_resident, restart_peak
from tests.support.stack import wait_until

MIB = 2**20
#: Says when it is ready, holds 64 MiB for one line, then gives it back.
HOLDER = """\
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**31, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_DATA, (2**30, resource.RLIM_INFINITY))
print("ready", flush=True)
sys.stdin.readline()
held = b"x" * (64 * 2**20)
del held
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def test_the_tightest_limit_of_a_process_is_read(holder: subprocess.Popen[bytes]) -> None:
    """Of its address space and its data, whatever leaves less room."""
    memory = read_process(holder.pid)
    assert memory is not None
    assert 4 * MIB < memory.resident_bytes < 64 * MIB
    assert memory.bounded is not None
    assert memory.bounded.limit_bytes == 2**30
    assert 0 < memory.bounded.used_bytes < 64 * MIB


def test_a_process_without_limits_is_unbounded() -> None:
    """As ours is."""
    memory = read_process(os.getpid())
    assert memory is not None
    assert memory.bounded is None


def test_a_dead_process_has_no_memory(holder: subprocess.Popen[bytes]) -> None:
    """Neither a zombie nor one that is gone."""
    holder.kill()
    wait_until(lambda: read_process(holder.pid) is None, "a zombie has none")
    holder.wait()
    assert read_process(holder.pid) is None
    assert read_resident(holder.pid) == (0, 0)
    assert not restart_peak(holder.pid)


def test_the_peak_of_a_request_is_seen_after_it(holder: subprocess.Popen[bytes]) -> None:
    """Memory that was held for a moment only shows in the peak since it was asked for."""
    assert restart_peak(holder.pid)
    before, _ = read_resident(holder.pid)
    assert holder.stdin
    assert holder.stdout
    holder.stdin.write(b"\n")
    holder.stdin.flush()
    holder.stdout.readline()
    now, peak = read_resident(holder.pid)
    assert peak - before > 60 * MIB
    assert now - before < 8 * MIB


def test_the_host_has_memory() -> None:
    """More in all than is used."""
    host = read_host()
    assert host is not None
    assert 0 < host.used_bytes < host.limit_bytes
