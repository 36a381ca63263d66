"""Profiling in a real Triton."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.stack import ROOT

pytestmark = pytest.mark.triton

HUNGRY = ROOT / "tests" / "e2e" / "overload" / "models" / "hungry"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The model that needs 16 KiB for each input byte, in small batches."""
    folder = tmp_path / "repository" / "hungry"
    shutil.copytree(HUNGRY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = (HUNGRY / "config.pbtxt").read_text()
    config = config.replace("max_batch_size: 64", "max_batch_size: 8")
    (folder / "config.pbtxt").write_text(config.replace("50000", "0"))
    return folder.parent


def profile(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "control", "profile", "--repository", str(repository)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_what_a_model_needs_is_measured_and_written(repository: Path) -> None:
    """The predictions cover the measurements, and these the known need of the model."""
    done = profile(repository, "hungry", "--json", "--write")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    largest = max(document["measurements"], key=lambda one: one["input_bytes"])
    need = largest["input_bytes"] * 16384
    assert need * 0.95 < largest["memory_bytes"] < need * 1.25
    for one in document["measurements"]:
        assert one["predicted_bytes"] >= one["memory_bytes"]
        assert one["p99_ms"] >= one["p50_ms"] > 0
    assert 14_000 < document["limits"]["memory"]["bytes_per_input_byte"] < 33_000
    written = yaml.safe_load((repository / "hungry" / "contract.yaml").read_text())["limits"]
    assert written["memory"] == document["limits"]["memory"]
    assert written["concurrency"] == 64


def test_a_model_without_golden_requests_says_so(repository: Path) -> None:
    """There is nothing to make requests from."""
    (repository / "hungry" / "golden.json").unlink()
    done = profile(repository, "hungry")
    assert done.returncode == 2
    assert "has no golden.json" in done.stderr


def test_a_model_that_is_not_there_is_named(repository: Path) -> None:
    """Before any server is started."""
    done = profile(repository, "nobody")
    assert done.returncode == 2
    assert "no model 'nobody'" in done.stderr
