"""What a verification is asked, and what it answers: two JSON files.

Times are seconds, durations of requests milliseconds, memory bytes. A report names no path.
"""

from pathlib import Path
from typing import Final, Literal

import msgspec

from control.core.canary_policy import Tolerance, VerificationPolicy

Verdict = Literal["good", "bad", "undecided"]
Result = Literal["passed", "failed", "skipped"]

#: What a verification ends with that could not write its report: no fault of the version.
UNWRITTEN: Final = 3


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version to verify.

    ``staged`` is the folder of the version; ``model_files`` holds what all versions share
    (config.pbtxt, warmup); ``source`` is the model's folder in the source repository, with its
    golden.json and contract.yaml. ``live`` is the version to measure against, None without one;
    it lies in ``live_folder``, beside its own model's files, and ``live_config_json`` is what the
    live server says of its config, empty where it does not. ``served`` is the served repository,
    with the other models that the version may call; empty where there is none.

    ``scratch`` is a folder of this verification alone: emptied before and removed afterwards.
    ``timeout_s`` bounds everything together: make it more than the policy's ``load_timeout_s``.
    """

    model: str
    version: int
    staged: str
    model_files: str
    source: str
    scratch: str
    report: str
    live: int | None = None
    live_folder: str = ""
    live_config_json: str = ""
    served: str = ""
    policy: VerificationPolicy = VerificationPolicy()
    comparisons: dict[str, Tolerance] = {}
    timeout_s: float = 600.0


class Check(msgspec.Struct, frozen=True):
    """One check that was reached; ``detail`` is a sentence: what was found, or why it failed."""

    name: str
    result: Result
    detail: str


class Measurements(msgspec.Struct):
    """What was measured, None where it was not; ``live_…`` of the live version beside it.

    ``memory_bytes``: the greatest process of the version, loaded and while it was asked.
    """

    took_s: float | None = None
    load_s: float | None = None
    live_load_s: float | None = None
    median_ms: float | None = None
    p90_ms: float | None = None
    live_median_ms: float | None = None
    live_p90_ms: float | None = None
    memory_bytes: int | None = None
    live_memory_bytes: int | None = None


def rounded(measured: Measurements) -> Measurements:
    """Leave off what no clock here can tell."""
    floats = {
        name: round(value, 3)
        for name, value in msgspec.structs.asdict(measured).items()
        if isinstance(value, float)
    }
    return msgspec.structs.replace(measured, **floats)


class Report(msgspec.Struct, frozen=True):
    """The end of a verification.

    ``reason`` is a sentence, empty where the verdict is good. ``config_digest`` is of the
    config.pbtxt that the version was verified with (see ``control.repository.pinned_config``),
    empty where it could not be read. ``is_hindered``: undecided by what is not the version's doing,
    such as a full disk; it may be so for as long as it lasts.
    """

    model: str
    version: int
    verdict: Verdict
    reason: str
    checks: list[Check]
    measurements: Measurements
    config_digest: str = ""
    is_hindered: bool = False


class JobUnusable(Exception):
    """The job cannot be read; the message says why."""


def read_job(file: Path) -> Job:
    """Read a job; raises JobUnusable."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Job)
    except OSError as error:
        message = f"the job cannot be read: {error.strerror}"
        raise JobUnusable(message) from error
    except msgspec.MsgspecError as error:
        message = f"the job cannot be understood: {error}"
        raise JobUnusable(message) from error


def write_job(job: Job, file: Path) -> None:
    """Write a job for the verification to read."""
    _write(file, msgspec.json.encode(job))


def read_report(file: Path) -> Report:
    """Read a report; raises OSError where there is none, ValueError where it is not one."""
    return msgspec.json.decode(file.read_bytes(), type=Report)


def write_report(report: Report, file: Path) -> None:
    """Write a report so that whoever reads it finds it whole or not at all."""
    _write(file, msgspec.json.format(msgspec.json.encode(report)))


def _write(file: Path, text: bytes) -> None:
    draft = file.with_name(f".{file.name}.draft")
    draft.write_bytes(text)
    draft.replace(file)
