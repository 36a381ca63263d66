"""Versions of a small model as they are staged, and the verification of each in its own process."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.check.model_config import read_config
from control.core.canary_policy import DEFAULT_CANARY, Tolerance, VerificationPolicy
from control.runtime import InnerPaths
from control.verification.job import Job, Report, read_report, write_job
from tests.support.stack import ROOT

MODEL = "double"
CONFIG = """
backend: "python"
max_batch_size: 16
input [ { name: "X" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ -1 ] } ]
dynamic_batching { max_queue_delay_microseconds: 500 }
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
CONTRACT = """
inputs:
  X: {finite: true, min: -100, max: 100}
outputs:
  Y: {finite: true, min: -1000, max: 1000}
"""
GOLDEN = [
    {"name": "two", "version": None, "inputs": {"X": [[1, 2]]}, "expect": {"Y": {"equal": [2, 4]}}},
    {"name": "six", "version": None, "inputs": {"X": [[3, 4]]}, "expect": {"Y": {"equal": [6, 8]}}},
    {"name": "ten", "version": None, "inputs": {"X": [[5, 6], [7, 8]]},
     "expect": {"Y": {"min": 10, "max": 16}}},
    {"name": "of the first", "version": "1", "inputs": {"X": [[1, 1]]},
     "expect": {"Y": {"equal": [0, 0]}}},
]  # fmt: skip

#: A version, of which tests replace some parts.
CODE = """
import ctypes, os, signal, sys, threading, time
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        {initialize}

    def execute(self, requests):
        given = [pb_utils.get_input_tensor_by_name(one, "X").as_numpy() for one in requests]
        answers = self.answer_all(given)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("Y", one)]) for one in answers]

    def answer_all(self, given):
        {answer_all}

    def answer(self, values):
        {answer}
"""


def code(
    *,
    initialize: str = "pass",
    answer_all: str = "return [self.answer(one) for one in given]",
    answer: str = "return values * 2",
) -> str:
    """The version, with other bodies of some of its methods."""
    bodies = {"initialize": initialize, "answer_all": answer_all, "answer": answer}
    indented = {
        name: textwrap.indent(textwrap.dedent(body).strip(), " " * 8).strip()
        for name, body in bodies.items()
    }
    return CODE.format(**indented)


@dataclass
class Drop:
    """Version 2 of the model, staged in a folder, beside version 1, which is live."""

    root: Path
    files: dict[str, str] = field(default_factory=lambda: {"model.py": code()})
    config: str = CONFIG
    live_config: str = CONFIG
    contract: str = CONTRACT
    golden: list[dict[str, Any]] | None = field(default_factory=lambda: [*GOLDEN])
    live_files: Mapping[str, str] | None = field(default_factory=lambda: {"model.py": code()})
    policy: VerificationPolicy = DEFAULT_CANARY.verification
    comparisons: dict[str, Tolerance] = field(default_factory=dict)
    timeout_s: float = 120.0

    def __post_init__(self) -> None:
        """Give every folder a path."""
        self.source = self.root / "source" / MODEL
        self.served = self.root / "served" / MODEL
        self.shared = self.root / "staged" / "files"
        self.staged = self.root / "staged" / "2"
        self.scratch = self.root / "scratch"
        self.report = self.root / "report.json"

    def job(self) -> Job:
        """Write all that the job names."""
        for folder in (self.source, self.served / "1", self.shared, self.staged):
            folder.mkdir(parents=True)
        write_all(self.staged, self.files)
        (self.shared / "config.pbtxt").write_text(self.config)
        (self.source / "config.pbtxt").write_text(self.config)
        if self.contract:
            (self.source / "contract.yaml").write_text(self.contract)
        if self.golden is not None:
            (self.source / "golden.json").write_text(json.dumps({"requests": self.golden}))
        (self.served / "config.pbtxt").write_text(self.live_config)
        write_all(self.served / "1", self.live_files or {})
        has_live = self.live_files is not None
        return Job(
            model=MODEL,
            version=2,
            staged=str(self.staged),
            model_files=str(self.shared),
            source=str(self.source),
            scratch=str(self.scratch),
            report=str(self.report),
            live=1 if has_live else None,
            live_folder=str(self.served / "1") if has_live else "",
            live_config_json=json.dumps(read_config(self.served)) if has_live else "",
            served=str(self.served.parent),
            policy=self.policy,
            comparisons=self.comparisons,
            timeout_s=self.timeout_s,
        )

    def verify(self) -> Report:
        """Have it verified, and look that nothing is left of it."""
        with running(self.job()) as process:
            code = process.wait(self.timeout_s + 30)
        report = read_report(self.report)
        assert code == (1 if report.verdict == "undecided" else 0)
        assert leftovers(self.scratch) == []
        return report


def write_all(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@contextmanager
def running(job: Job, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the verification of a job; what still runs in the end is killed."""
    file = Path(job.report).with_name("job.json")
    write_job(job, file)
    command = [sys.executable, "-m", "control.verification.process", "--job", str(file), *options]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def leftovers(scratch: Path) -> list[str]:
    """What a verification has left: its folder, shared memory, processes."""
    prefix = InnerPaths(scratch).shared_memory_prefix
    left = [f"shared memory {one.name}" for one in Path("/dev/shm").glob(f"{prefix}*")]
    left += ["the folder"] if scratch.exists() else []
    return left + [f"process {pid}" for pid in processes(prefix)]


def processes(mark: str) -> list[int]:
    """The processes whose command line has a mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
