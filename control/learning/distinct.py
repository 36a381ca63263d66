"""The few values that an input takes, if they are few."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

#: A list of more is no list of kinds.
MOST_VALUES: Final = 20
#: Longer texts are contents, not names of kinds.
MOST_BYTES: Final = 64
#: Numbers beyond are not exact in FP64, and no kinds either.
_GREATEST: Final = 2**53


class DistinctValues:
    """Counts whole numbers or short texts, and gives up for good when there are too many."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        """Start without a value."""
        self._counts: dict[int | str, int] | None = {}

    @property
    def open(self) -> bool:
        """Whether it still counts."""
        return self._counts is not None

    def close(self) -> None:
        """Give up: some values went unseen, or are of the wrong kind."""
        self._counts = None

    def add_numbers(self, values: npt.NDArray[Any]) -> None:
        """Count numbers without a fraction."""
        found, counts = np.unique(values, return_counts=True)
        if len(found) > MOST_VALUES or (len(found) and np.abs(found[[0, -1]]).max() >= _GREATEST):
            self.close()
            return
        for value, count in zip(found.tolist(), counts.tolist(), strict=True):
            self._add(int(value), count)

    def add_text(self, text: str) -> None:
        """Count one short text."""
        self._add(text, 1)

    def counts(self) -> list[tuple[int | str, int]] | None:
        """Give each value with how often it came, in the order of coming; None if given up."""
        return list(self._counts.items()) if self._counts else None

    def _add(self, value: int | str, count: int) -> None:
        if self._counts is None:
            return
        self._counts[value] = self._counts.get(value, 0) + count
        if len(self._counts) > MOST_VALUES:
            self.close()
