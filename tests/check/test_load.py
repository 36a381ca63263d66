"""Every version loaded in a tritonserver of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT, TEST_MODELS

pytestmark = pytest.mark.triton


def test_what_does_not_load_is_said(tmp_path: Path) -> None:
    """A version that raises when it loads is a fault with Triton's reason; its neighbour is not."""
    repository = tmp_path / "repository"
    shutil.copytree(TEST_MODELS / "identity", repository / "identity")
    shutil.copytree(TEST_MODELS / "text", repository / "text")
    (repository / "text" / "1" / "model.py").write_text("raise RuntimeError('no such weights')\n")
    command = [sys.executable, "-m", "control", "check", "--load", "--json"]
    done = subprocess.run(
        [*command, "--repository", str(repository)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["checked"]["loaded versions"] == 2
    (fault,) = document["faults"]
    assert fault["file"].startswith("text")
    assert "no such weights" in fault["message"]
