"""Loads one version in the scratch server, with patience that ends, and says what failed."""

import asyncio
from typing import Final

from control.triton.error_texts import DIED
from control.triton.load_checks import must_be_ready
from control.triton.management import LoadFailed, TritonAway
from control.verification.patience import Patience
from control.verification.scratch_triton import ScratchTriton
from control.verification.stub_processes import StubProcesses
from control.verification.verdicts import Bad, ServerSilent

_POLL_S: Final = 0.05
#: A server that has hung up is dead within this time.
_DEATH_TIMEOUT_S: Final = 5.0
#: What Triton says of a process that it has waited for in vain.
_NOT_STARTED: Final = "waiting for the stub process"


async def load_version(
    triton: ScratchTriton, name: str, version: int, limit_s: float
) -> StubProcesses:
    """Load and give its processes; raises Bad. After ``limit_s`` its initialize is given up."""
    stubs = StubProcesses(triton.pid, name)
    patience = Patience(limit_s, stubs)
    load = asyncio.create_task(triton.management.load(name, None))
    try:
        while not load.done():
            await asyncio.wait({load}, timeout=_POLL_S)
            stubs.look()
            _must_live(triton)
            if patience.left_s() <= 0:
                message = f"does not load: initialize took more than {limit_s:g} s"
                raise Bad(message)
        await load
        must_be_ready(await triton.management.versions_of(name), name, [version])
    except TritonAway as error:
        await asyncio.wait({triton.ended}, timeout=_DEATH_TIMEOUT_S)
        _must_live(triton)
        message = f"the scratch tritonserver does not answer: {error}"
        raise ServerSilent(message) from error
    except LoadFailed as error:
        reason = error.by_version.get(version, error.reason)
        raise Bad(f"does not load: {_told(reason, stubs)}") from error
    finally:
        load.cancel()
    return stubs


def _must_live(triton: ScratchTriton) -> None:
    if triton.ended.done():
        message = f"tritonserver died while it was loaded ({triton.death})"
        raise Bad(message)


def _told(reason: str, stubs: StubProcesses) -> str:
    """Add how its process died, where it did and was not merely kept waiting."""
    if reason == DIED or _NOT_STARTED in reason:
        stubs.must_be_dead()
    return f"{reason} ({stubs.death})" if reason == DIED and stubs.death else reason
