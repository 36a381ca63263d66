"""Reads what `open_load.c` writes: a record for each request, and some answers in full."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

#: `struct record` of `open_load.c`; times in seconds from the start of the run, 0: never.
RECORD: Final = np.dtype(
    [
        ("scheduled_s", "<f8"),
        ("picked_s", "<f8"),
        ("sent_s", "<f8"),
        ("ended_s", "<f8"),
        ("number", "<u4"),
        ("status", "<u2"),
        ("priority", "u1"),
        ("end", "u1"),
        ("degraded", "u1"),
        ("code", "S31"),
    ]
)

#: The ends of a request, as `open_load.c` counts them.
ANSWERED, NO_ANSWER, BROKEN, NO_CONNECTION = range(4)

Records = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Sample:
    """The answer to one request, head and body; ``file`` counts the files of its class."""

    number: int
    priority: int
    file: int
    answer: bytes


def read_records(path: Path) -> Records:
    """Read the records of one run."""
    return np.fromfile(path, dtype=RECORD)


def read_samples(path: Path) -> Iterator[Sample]:
    """Read the answers that were kept."""
    with path.open("rb") as file:
        while line := file.readline():
            number, priority, template, size = map(int, line.split())
            yield Sample(number, priority, template, file.read(size))
