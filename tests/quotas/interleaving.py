"""Runs workers step by step: each access to the memory they share waits for its turn."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

from control.quotas import in_flight, windows
from control.quotas.announcements import HEADER_WORDS, Announcements
from control.quotas.key_slots import KeySlots
from control.quotas.region_file import Layout, RegionFile

_SLOTS = 4
_WINDOW_WORDS = _SLOTS * windows.SLOT_WORDS
_REGION_WORDS = HEADER_WORDS + _WINDOW_WORDS + _SLOTS * in_flight.SLOT_WORDS
_TIMEOUT_S = 20.0


class Turns:
    """Lets one worker at a time make one step, in the order of a schedule, then in turn."""

    def __init__(self, workers: int) -> None:
        self._turn = [threading.Semaphore(0) for _ in range(workers)]
        self._stepped = threading.Semaphore(0)
        self._done = [False] * workers
        self._running = threading.local()
        self.steps = 0

    def step(self) -> None:
        """Wait for the caller's next turn; outside ``run``, do not wait."""
        worker = getattr(self._running, "worker", None)
        if worker is not None:
            self._stepped.release()
            assert self._turn[worker].acquire(timeout=_TIMEOUT_S)
            self.steps += 1

    def run(self, jobs: Sequence[Callable[[], None]], schedule: Sequence[int]) -> None:
        """Run a job for each worker to its end."""
        threads = [
            threading.Thread(target=self._work, args=(worker, job))
            for worker, job in enumerate(jobs)
        ]
        for thread in threads:
            thread.start()
            assert self._stepped.acquire(timeout=_TIMEOUT_S)
        for worker in schedule:
            self._let(worker)
        while not all(self._done):
            for worker in range(len(jobs)):
                self._let(worker)
        for thread in threads:
            thread.join()

    def _let(self, worker: int) -> None:
        if not self._done[worker]:
            self._turn[worker].release()
            assert self._stepped.acquire(timeout=_TIMEOUT_S)

    def _work(self, worker: int, job: Callable[[], None]) -> None:
        self._running.worker = worker
        try:
            self.step()
            job()
        finally:
            self._done[worker] = True
            self._stepped.release()


class SteppedWords:
    """Words in a list, each access a step."""

    def __init__(self, words: list[int], turns: Turns) -> None:
        self._words, self._turns = words, turns

    def __getitem__(self, place: int) -> int:
        self._turns.step()
        return self._words[place]

    def __setitem__(self, place: int | slice, value: Any) -> None:
        self._turns.step()
        if isinstance(place, slice):
            self._words[place] = list(value)
        else:
            assert value >= 0, "a word is unsigned"
            self._words[place] = value


class SteppedFile:
    """What a worker knows of the file: its region is ``own``, all workers live."""

    def __init__(self, words: SteppedWords, layout: Layout, own: int, held: int) -> None:
        self.words, self.layout, self.own, self.held = words, layout, own, held
        self.closed = False

    def fence(self) -> None:
        """Do nothing: here, every write is seen at once."""

    def is_held(self, region: int) -> bool:
        """Whether a worker has the region."""
        return region < self.held


class SteppedWorker:
    """One worker's counters over memory in steps."""

    def __init__(self, file: SteppedFile, clock: Callable[[], float]) -> None:
        shared = cast("RegionFile", file)
        announcements = Announcements(shared)
        window_slots = KeySlots(
            shared, offset=HEADER_WORDS, slots=_SLOTS, slot_words=windows.SLOT_WORDS
        )
        flight_slots = KeySlots(
            shared,
            offset=HEADER_WORDS + _WINDOW_WORDS,
            slots=_SLOTS,
            slot_words=in_flight.SLOT_WORDS,
        )
        self.windows = windows.SlidingWindows(shared, window_slots, announcements, clock)
        self.in_flight = in_flight.InFlight(shared, flight_slots, announcements)


def stepped_workers(
    count: int, clock: Callable[[], float]
) -> tuple[Turns, Sequence[SteppedWorker]]:
    """Make workers that share memory, and whose turns can be ordered."""
    layout = Layout(count, _REGION_WORDS)
    memory = [0] * layout.start_of(count)
    turns = Turns(count)
    words = SteppedWords(memory, turns)
    files = [SteppedFile(words, layout, own, count) for own in range(count)]
    return turns, [SteppedWorker(file, clock) for file in files]
