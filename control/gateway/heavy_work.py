"""Runs pure, CPU-heavy functions in a process beside the event loop.

Parsing or writing megabytes of JSON takes tens of milliseconds with the interpreter's lock held:
on the loop, or on a thread, every other request would wait for it.

The standard library's process pools leave named semaphores in shared memory when they are killed;
two pipes leave nothing.
"""

import asyncio
import pickle
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import IO, Final, ParamSpec, TypeVar, cast

from control.errors import Overloaded, TooLarge
from control.observability.logs import get_logger

P = ParamSpec("P")
T = TypeVar("T")

#: From this many bytes of JSON on, the trip to the other process costs less than the loop's time.
HEAVY_BYTES: Final = 128 * 1024

_FRAME: Final = struct.Struct("<Q")
_ATTEMPTS: Final = 2

_log = get_logger("heavy_work")


class HeavyWork:
    """One helper process, started when first needed and again when it has died."""

    def __init__(self, timeout_s: float = 10.0) -> None:
        """Start nothing yet; a call may take ``timeout_s`` once it is its turn."""
        self._timeout_s = timeout_s
        self._helper: Process | None = None
        self._turn = asyncio.Lock()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a module-level function with picklable arguments there; raise what it raises.

        Calls take turns. Raises Overloaded where the helper dies under the call twice, TooLarge
        where the call takes too long: the others wait for it.
        """
        job = pickle.dumps((function, args, kwargs), pickle.HIGHEST_PROTOCOL)
        async with self._turn:
            for _attempt in range(_ATTEMPTS):
                try:
                    async with asyncio.timeout(self._timeout_s):
                        return cast("T", await self._ask(job))
                except TimeoutError as error:
                    self.close()
                    message = f"cannot be worked through within {self._timeout_s:g} s: send less"
                    raise TooLarge(message) from error
                except (asyncio.IncompleteReadError, ConnectionError):
                    _log.warning("helper_died")
                    self.close()
                except asyncio.CancelledError:
                    self.close()  # its answer would come to the next caller
                    raise
        message = f"the process for large JSON died {_ATTEMPTS} times under this request"
        raise Overloaded(message, retry_after_s=1)

    def close(self) -> None:
        """End the helper process."""
        helper, self._helper = self._helper, None
        if helper is not None and helper.returncode is None:
            helper.kill()

    async def _ask(self, job: bytes) -> object:
        helper = self._helper or await self._start()
        assert helper.stdin is not None  # noqa: S101 - both pipes were asked for
        assert helper.stdout is not None  # noqa: S101
        helper.stdin.writelines([_FRAME.pack(len(job)), job])
        await helper.stdin.drain()
        (length,) = _FRAME.unpack(await helper.stdout.readexactly(_FRAME.size))
        result, error = pickle.loads(await helper.stdout.readexactly(length))  # noqa: S301 - ours
        if error is not None:
            raise error
        return result

    async def _start(self) -> Process:
        self._helper = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdin=PIPE, stdout=PIPE
        )
        return self._helper


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Run calls one by one until the gateway closes the pipe, or has died."""
    while frame := requests.read(_FRAME.size):
        function, args, kwargs = pickle.loads(requests.read(*_FRAME.unpack(frame)))  # noqa: S301
        outcome: tuple[object, Exception | None]
        try:
            outcome = (function(*args, **kwargs), None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it
            outcome = (None, error)
        answer = pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
        answers.write(_FRAME.pack(len(answer)) + answer)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
