"""Processes that have outlived their server."""

import signal
import subprocess
import sys

import pytest

from control.triton import leftovers
from control.triton.leftovers import end_leftovers

SLEEPS = "import time; time.sleep(600)"


def begin(mark: str) -> subprocess.Popen[bytes]:
    """A process in a session of its own that has a mark on its command line."""
    return subprocess.Popen([sys.executable, "-S", "-c", SLEEPS, mark], start_new_session=True)


def test_who_has_the_mark_is_ended() -> None:
    """However it has got out of its server's session; nobody else is."""
    ours, other = begin("--memory=leftover_1_region"), begin("--memory=leftover_2_region")
    try:
        end_leftovers("leftover_1_")
        assert ours.wait(10) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for one in (ours, other):
            one.kill()
            one.wait()


def test_one_that_cannot_be_ended_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel may hold it."""
    monkeypatch.setattr(leftovers, "_TIMEOUT_S", 0.05)
    monkeypatch.setattr(leftovers, "_marked", lambda _: [2**22 + 1])
    end_leftovers("leftover_3_")
