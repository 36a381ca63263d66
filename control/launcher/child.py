"""One child process and how it is kept running."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from control.core.restarts import RestartBudget, next_restart_delay_s
from control.observability.logs import get_logger

Process = subprocess.Popen[bytes]

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)

_log = get_logger("launcher")


async def _nothing() -> None:
    """Do nothing: the default step before a start and after it."""


async def _nothing_with(_process: "Process") -> None:
    """Do nothing with a process that has started."""


@dataclass(slots=True)
class ChildPlan:
    """How to start a process. ``prepare`` runs before each start, ``attend`` beside each run.

    Where ``attend`` raises TimeoutError the process is killed and counts as having died.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    inherited: Sequence[int] = ()
    prepare: Callable[[], Awaitable[None]] = _nothing
    attend: Callable[["Process"], Awaitable[None]] = _nothing_with
    capture_output: bool = False
    budget: RestartBudget = field(default_factory=RestartBudget)


class Child:
    """A process under supervision, in a session of its own so that Ctrl-C reaches only us."""

    def __init__(self, plan: ChildPlan) -> None:
        """Start nothing yet."""
        self._plan = plan
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.started = asyncio.Event()

    def keep_running(self) -> None:
        """Start the process, and start it again whenever it dies."""
        self._keeper = asyncio.create_task(self._keep())

    def run_once(self, ended: Callable[[int | None], None]) -> None:
        """Start the process, and leave it dead when it dies.

        ``ended`` then gets its exit status, or None where it could not be started; not after
        ``stop``.
        """
        self._keeper = asyncio.create_task(self._once(ended))

    async def stop(self, timeout_s: float) -> None:
        """End it by SIGTERM, and by SIGKILL with all it has started after ``timeout_s``."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                await asyncio.wait_for(exited(process), timeout_s)
            except TimeoutError:
                _log.warning("killed", name=self._plan.name, after_s=timeout_s)
        self.kill()
        await exited(process)

    def kill(self) -> None:
        """Kill it and everything in its session, at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        deaths_s: list[float] = []
        while True:
            code = None
            try:
                code = await self._run_once()
            except OSError as error:  # no memory, no file, no process left: it may pass
                _log.error("start_failed", name=self._plan.name, reason=str(error))
            deaths_s = [*deaths_s[-20:], time.monotonic()]
            delay_s = next_restart_delay_s(self._plan.budget, deaths_s, deaths_s[-1])
            _log.error("process_died", name=self._plan.name, code=code, restart_in_s=delay_s)
            await asyncio.sleep(delay_s)

    async def _once(self, ended: Callable[[int | None], None]) -> None:
        code = None
        try:
            code = await self._run_once()
        except OSError as error:
            _log.error("start_failed", name=self._plan.name, reason=str(error))
        else:
            _log.error("process_died", name=self._plan.name, code=code)
        ended(code)

    async def _run_once(self) -> int | None:
        plan = self._plan
        await plan.prepare()
        self._process = process = start(plan)
        self.started.set()
        attending = asyncio.ensure_future(plan.attend(process))
        attending.add_done_callback(self._attended)
        try:
            await exited(process)
        finally:
            attending.cancel()
        self.kill()  # its own children must not outlive it: they would hold its sockets and memory
        self._process = None  # its number may soon be another's
        return process.returncode

    def _attended(self, attending: "asyncio.Future[None]") -> None:
        error = None if attending.cancelled() else attending.exception()
        if isinstance(error, TimeoutError):
            _log.error("start_timed_out", name=self._plan.name)
            self.kill()
        elif error is not None:
            _log.error("attend_failed", name=self._plan.name, reason=repr(error))


def start(plan: ChildPlan) -> Process:
    """Start a process in a session of its own, which ends with this one; it is not prepared."""
    # Not asyncio's own subprocess: its wait() also waits for the output pipe, which
    # grandchildren may hold open after the child's death.
    return subprocess.Popen(  # noqa: S603 - ours
        list(plan.command),
        env=dict(plan.environment),
        pass_fds=tuple(plan.inherited),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if plan.capture_output else None,
        stderr=subprocess.STDOUT if plan.capture_output else None,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
    )


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waiting = {asyncio.create_task(event.wait()) for event in events}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


async def exited(process: Process) -> None:
    """Wait until the process itself has ended, whoever may still hold its pipes."""
    if process.poll() is not None:
        return
    descriptor = os.pidfd_open(process.pid)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    process.poll()


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send ``by`` when the thread that started this process ends (Linux).

    A launcher that is killed must leave no orphan.
    """
    _LIBC.prctl(_PR_SET_PDEATHSIG, by)
