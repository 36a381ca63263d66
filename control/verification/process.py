"""The process of one verification: ``python -m control.verification.process --job FILE``.

Ends with 0 where the version was judged, good or bad; with 1 where it could not be, which the
report says; without a report with 2 where the job cannot be read, with 3 where the report cannot be
written. SIGTERM ends it, and all that it has started. It ends with its parent: start it from a
thread that lives as long as it may.

On a machine so busy that who only takes what is left gets nothing, it begins once more, and its
server takes a little: as the same process, but from its start, since it has used gRPC by then,
whose threads survive no fork.
"""

import argparse
import asyncio
import errno
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

from control.launcher.child import die_with_parent
from control.observability.logs import configure_logs, get_logger
from control.verification.job import (
    UNWRITTEN,
    Job,
    JobUnusable,
    Measurements,
    Report,
    read_job,
    write_report,
)
from control.verification.lifetime import adopt_orphans, parent_gone
from control.verification.run import verify
from control.verification.verdicts import Starved
from control.verification.yielding import step_back

_JUDGED: Final = 0
_UNDECIDED: Final = 1
_UNUSABLE: Final = 2
_AGAIN: Final = "--again-since"
#: What a machine has run out of, or what its disk fails with, whoever asks for it.
_OUT_OF: Final = frozenset(
    {
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EROFS,
        errno.ESTALE,
    }
)

_log = get_logger("verification")


def main() -> int:
    """Verify what the job says, and write the report."""
    parser = argparse.ArgumentParser(description="verify a staged version")
    parser.add_argument("--job", type=Path, required=True, help="what to verify, as JSON")
    parser.add_argument("--parent", type=int, help="who began it: without that process it ends")
    parser.add_argument(_AGAIN, type=float, help="when it was begun, where that was in vain")
    arguments = parser.parse_args()
    # Who was killed while this process came up is its parent no more.
    parent = os.getppid() if arguments.parent is None else arguments.parent
    die_with_parent(signal.SIGTERM)
    adopt_orphans()
    if arguments.again_since is None:
        step_back()
    configure_logs("verification", level="warning", form="auto")
    try:
        job = read_job(arguments.job)
    except JobUnusable as error:
        _log.error("job_unusable", reason=str(error))
        return _UNUSABLE
    return asyncio.run(_verify_and_exit(job, arguments.again_since, parent))


async def _verify_and_exit(job: Job, again_since_s: float | None, parent: int) -> NoReturn:
    """Write the report, and wait for nothing: a thread may hang in a file for ever."""
    began_s = time.monotonic() if again_since_s is None else again_since_s
    try:
        report = await _report(job, began_s, parent, is_again=again_since_s is not None)
    except Starved as error:
        if again_since_s is None:
            os.execv(sys.executable, [*sys.orig_argv, _AGAIN, str(began_s)])  # noqa: S606
        report = _undecided(job, str(error), began_s, is_hindered=True)
    code = _written(report, Path(job.report))
    sys.stderr.flush()
    os._exit(code)


def _written(report: Report, file: Path) -> int:
    """Write the report; gives what to end with."""
    try:
        write_report(report, file)
    except OSError as error:
        _log.error("report_not_written", model=report.model, reason=str(error))
        return UNWRITTEN
    return _UNDECIDED if report.verdict == "undecided" else _JUDGED


async def _report(job: Job, began_s: float, parent: int, *, is_again: bool) -> Report:
    """Verify until the end, or until somebody wants it to stop; raises Starved."""
    verifying = asyncio.create_task(verify(job, began_s, is_again=is_again))
    orphaned = asyncio.create_task(parent_gone(parent))
    orphaned.add_done_callback(lambda _: verifying.cancel())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, verifying.cancel)
    try:
        return await verifying
    except asyncio.CancelledError:
        return _undecided(job, "it was stopped", began_s)
    except Starved:
        raise
    except Exception as error:  # noqa: BLE001 - the outermost edge: a fault of ours is no fault of the version
        _log.exception("verification_failed", model=job.model, version=job.version)
        reason = f"the verification itself failed: {type(error).__name__}"
        if isinstance(error, OSError) and error.errno in _OUT_OF:
            return _undecided(job, f"{reason}: {error.strerror}", began_s, is_hindered=True)
        return _undecided(job, reason, began_s)
    finally:
        orphaned.cancel()


def _undecided(job: Job, reason: str, began_s: float, *, is_hindered: bool = False) -> Report:
    took = Measurements(took_s=round(time.monotonic() - began_s, 3))
    return Report(job.model, job.version, "undecided", reason, [], took, is_hindered=is_hindered)


if __name__ == "__main__":
    sys.exit(main())
