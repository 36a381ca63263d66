"""A pytest plugin: with REQUIRE_TRITON=1 a run fails in which a real-Triton test did not run."""

import os

import pytest

_marked: set[str] = set()
_executed: set[str] = set()
_not_executed: dict[str, str] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note which tests carry the marker: a report's keywords name folders too, as tests/triton."""
    _marked.update(item.nodeid for item in items if item.get_closest_marker("triton"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note which tests with the marker ran and which were skipped."""
    if report.nodeid not in _marked:
        return
    if report.skipped:
        _not_executed[report.nodeid] = str(report.longrepr)
    elif report.when == "call":
        _executed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run without the real thing into a failure."""
    if os.environ.get("REQUIRE_TRITON") != "1" or session.config.option.collectonly:
        return
    if not _executed or _not_executed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so."""
    terminalreporter.write_line(f"real-Triton tests executed: {len(_executed)}")
    if os.environ.get("REQUIRE_TRITON") == "1" and (not _executed or _not_executed):
        terminalreporter.write_line(f"real-Triton tests NOT executed: {sorted(_not_executed)}")
