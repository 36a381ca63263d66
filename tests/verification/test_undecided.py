"""Where nothing can be said of a version, the report says whose doing that is."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from control.verification import process, run
from control.verification.job import UNWRITTEN, Measurements, Report, read_report
from control.verification.verdicts import CannotJudge, ServerSilent
from tests.verification.drops import Drop

GOOD = Report("double", 2, "good", "", [], Measurements())


@pytest.mark.parametrize(
    ("error", "is_hindered"),
    [
        (CannotJudge("the version cannot be copied: No space left on device"), True),
        (ServerSilent("the scratch tritonserver does not answer"), False),
        (TimeoutError(), False),
    ],
)
async def test_only_what_the_version_may_have_caused_counts_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, is_hindered: bool
) -> None:
    """A full disk is nobody's fault here; a server that falls silent may be the version's."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(run, "copy_version", fail)
    report = await run.verify(Drop(tmp_path).job(), asyncio.get_running_loop().time())
    assert (report.verdict, report.is_hindered) == ("undecided", is_hindered)


@pytest.mark.parametrize(
    ("error", "is_hindered", "reason"),
    [
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            True,
            "the verification itself failed: OSError: No space left on device",
        ),
        (
            FileNotFoundError(errno.ENOENT, "/secret"),
            False,
            "the verification itself failed: FileNotFoundError",
        ),
        (KeyError("x"), False, "the verification itself failed: KeyError"),
    ],
)
async def test_what_a_machine_has_run_out_of_is_no_fault_of_the_version(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    is_hindered: bool,
    reason: str,
) -> None:
    """Wherever that shows; any other failure of ours it may have brought about."""

    async def fail(*_: object, **__: object) -> Report:
        raise error

    monkeypatch.setattr(process, "verify", fail)
    report = await process._report(Drop(tmp_path).job(), 0.0, os.getppid(), is_again=False)
    assert (report.verdict, report.reason, report.is_hindered) == (
        "undecided", reason, is_hindered,
    )  # fmt: skip


def test_a_report_that_cannot_be_written_is_told_by_the_exit_status(tmp_path: Path) -> None:
    """So nobody takes the version for one that kills its verification."""
    assert process._written(GOOD, tmp_path / "gone" / "report") == UNWRITTEN
    assert process._written(GOOD, tmp_path / "report") == 0
    assert read_report(tmp_path / "report") == GOOD


@pytest.mark.triton
def test_a_golden_request_that_cannot_be_judged_is_named(tmp_path: Path) -> None:
    """The version is bad: a failure of the verification would be tried again and again."""
    expect = {"Y": {"equal": [{"b64": "AA=="}, 4]}}
    golden = [{"name": "two", "version": None, "inputs": {"X": [[1, 2]]}, "expect": expect}]
    report = Drop(tmp_path, golden=golden).verify()
    assert (report.verdict, report.checks[-1].name) == ("bad", "golden")
    assert report.reason == (
        "golden request 'two': Y cannot be judged by equal: KeyError: 'base64'"
    )
