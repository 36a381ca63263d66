"""How much of a repeated check is done: so many steps at least, and no new one after a time."""

import asyncio


class Pace:
    """Counts steps and seconds from now."""

    def __init__(self, *, least: int, most_s: float) -> None:
        """Begin: ``least`` steps are done in any case."""
        self._least = least
        self._end_s = asyncio.get_running_loop().time() + most_s
        self.steps = 0

    def is_over(self) -> bool:
        """Whether no further step begins; counts it where one does."""
        over = self.steps >= self._least and asyncio.get_running_loop().time() >= self._end_s
        self.steps += not over
        return over
