"""Waiting for a processor does not count against a limit, and never stops its clock."""

import pytest

from control.verification import patience as module
from control.verification.patience import Patience
from control.verification.stub_processes import StubProcesses


class Waiting(StubProcesses):
    """Processes that have waited for as long as the test says."""

    def __init__(self, waits_s: dict[int, float]) -> None:
        """By process id."""
        super().__init__(0, "double")
        self.told_s = waits_s

    def waits_s(self) -> dict[int, float]:
        """What was told."""
        return dict(self.told_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the event loop takes for the time."""
    now_s = [100.0]
    loop = type("Loop", (), {"time": lambda _: now_s[0]})()
    monkeypatch.setattr(module.asyncio, "get_running_loop", lambda: loop)
    return now_s


def test_of_two_that_wait_for_each_other_one_wait_is_left_out(clock: list[float]) -> None:
    """On one processor, each of them waits half of the time: the limit comes at twice as much."""
    stubs = Waiting({1: 0.0, 2: 0.0})
    patience = Patience(3.0, stubs)
    clock[0] += 4.0
    stubs.told_s = {1: 2.0, 2: 2.0}
    assert patience.left_s() == 1.0
    clock[0] += 2.0
    stubs.told_s = {1: 3.0, 2: 3.0}
    assert patience.left_s() == 0.0


def test_what_was_waited_before_does_not_count(clock: list[float]) -> None:
    """Nor does it hide what another waits from then on; a process may also come late."""
    stubs = Waiting({1: 50.0})
    patience = Patience(3.0, stubs)
    clock[0] += 3.0
    assert patience.left_s() == 0.0
    stubs.told_s = {1: 50.5, 2: 2.0}
    assert patience.left_s() == 2.0


def test_without_a_process_the_clock_alone_counts(clock: list[float]) -> None:
    """A model that runs in the server has none."""
    patience = Patience(3.0, Waiting({}))
    clock[0] += 1.0
    assert patience.left_s() == 2.0
