"""The admin API against its own OpenAPI document, by a tool that reads nothing else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.admin_server import AdminServer

_TIMEOUT_S = 300.0
_EXAMPLES = "60"  # for each operation; with all phases about half a minute


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AdminServer]:
    """A running admin API."""
    with AdminServer(tmp_path) as running:
        yield running


def test_the_api_keeps_what_its_document_says(server: AdminServer, tmp_path: Path) -> None:
    """Valid data is taken and invalid data refused, in documented forms and statuses alone.

    Also: nothing without a token (401), no method that is not documented (405 with Allow), no
    deleted thing that is still there, and no 500.
    """
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"http://{server.address}/admin/v1/openapi.json",
        *("--header", f"Authorization: Bearer {server.operator_token}"),
        *("--checks", "all"),
        *("--phases", "coverage,fuzzing,stateful"),
        *("--mode", "all"),
        *("--max-examples", _EXAMPLES),
        "--generation-deterministic",
        "--continue-on-failure",
        *("--warnings", "off"),
        "--no-color",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout
    log = server.log.read_text()
    assert server.operator_token.split("_", 2)[2] not in log
    assert "unforeseen_failure" not in log
