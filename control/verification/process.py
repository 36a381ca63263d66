"""The process of one verification: ``python -m control.verification.process --job FILE``.

Ends with 0 where the version was judged, good or bad; with 1 where it could not be, which the
report says; with 2 where the job cannot be read, without a report. SIGTERM ends it, and all that it
has started. It ends with its parent: start it from a thread that lives as long as it may.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

from control.observability.logs import configure_logs, get_logger
from control.verification.job import Job, JobUnusable, Measurements, Report, read_job, write_report
from control.verification.lifetime import adopt_orphans, die_with_parent, parent_gone, step_back
from control.verification.run import verify

_JUDGED: Final = 0
_UNDECIDED: Final = 1
_UNUSABLE: Final = 2

_log = get_logger("verification")


def main() -> int:
    """Verify what the job says, and write the report."""
    parser = argparse.ArgumentParser(description="verify a staged version")
    parser.add_argument("--job", type=Path, required=True, help="what to verify, as JSON")
    parent = os.getppid()
    die_with_parent(signal.SIGTERM)
    adopt_orphans()
    step_back()
    configure_logs("verification", level="warning", form="auto")
    try:
        job = read_job(parser.parse_args().job)
    except JobUnusable as error:
        _log.error("job_unusable", reason=str(error))
        return _UNUSABLE
    report = asyncio.run(_report(job, parent))
    write_report(report, Path(job.report))
    return _UNDECIDED if report.verdict == "undecided" else _JUDGED


async def _report(job: Job, parent: int) -> Report:
    """Verify until the end, or until somebody wants it to stop."""
    verifying = asyncio.create_task(verify(job))
    orphaned = asyncio.create_task(parent_gone(parent))
    orphaned.add_done_callback(lambda _: verifying.cancel())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, verifying.cancel)
    try:
        return await verifying
    except asyncio.CancelledError:
        return _undecided(job, "it was stopped")
    except Exception as error:  # noqa: BLE001 - the outermost edge: a fault of ours is no fault of the version
        _log.exception("verification_failed", model=job.model, version=job.version)
        return _undecided(job, f"the verification itself failed: {type(error).__name__}")
    finally:
        orphaned.cancel()


def _undecided(job: Job, reason: str) -> Report:
    return Report(job.model, job.version, "undecided", reason, [], Measurements())


if __name__ == "__main__":
    sys.exit(main())
