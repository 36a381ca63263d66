"""Dies at any point of what changes files: a real process, gone from one call to the next."""

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

_DIED = 9
_LEAST_POINTS = 2
#: What Python tells an audit hook of before it happens.
_CHANGES = frozenset({"os.rename", "os.mkdir", "os.link", "os.remove", "os.rmdir", "open"})


def dies_at_each_point(act: Callable[[], object], prepare: Callable[[], object]) -> Iterator[int]:
    """Prepare, act, and die before the first change of a file, then the second ...

    Gives the number of the point after each death; ends with an act that comes to its end.
    """
    for point in count(1):
        prepare()
        if not _dies(act, point):
            assert point > _LEAST_POINTS
            return
        yield point


def _dies(act: Callable[[], object], point: int) -> bool:
    child = os.fork()
    if child == 0:
        _die_before(point)
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, _DIED}, "the act itself has failed"
    return code == _DIED


def _die_before(point: int) -> None:
    left = point

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event not in _CHANGES or (event == "open" and not _is_writing(arguments)):
            return
        left -= 1
        if left == 0:
            os._exit(_DIED)

    sys.addaudithook(watch)


def _is_writing(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def names_in(folder: Path) -> set[str]:
    """Everything below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
