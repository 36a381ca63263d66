"""Whatever an author puts into the repository: it is refused with its reason, and costs nothing."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.versions import MODEL, code_of, drop, drop_files
from tests.e2e.rollouts.watching import phase, rollout, version, wait_for
from tests.support.stack import children_of, wait_until

pytestmark = pytest.mark.triton

_WEIGHTS = """\
[[file]]
path = "weights/model.onnx"
package = "magika"
version = "1.0.3"
wheel = "magika-1.0.3-py3-none-any.whl"
wheel_sha256 = "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529"
member = "magika/models/standard_v3_3/model.onnx"
sha256 = "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"
size_bytes = 3163737
"""

#: How a version is dropped, and what its reason must say.
BAD = {
    "no model.py": (lambda r, n: drop_files(r, n, {"notes.txt": "none"}), "2/model.py: is missing"),
    "a syntax error": (
        lambda r, n: drop_files(r, n, {"model.py": "import os\nclass TritonPythonModel(:\n"}),
        "model.py:2: is not Python",
    ),
    "missing weights": (
        lambda r, n: drop_files(r, n, {"model.py": code_of("good"), "weights.toml": _WEIGHTS}),
        "weights/model.onnx: is missing",
    ),
    "raises in initialize": (lambda r, n: drop(r, n, "raises"), "no weights here"),
    "exits in initialize": (lambda r, n: drop(r, n, "exits"), "process"),
    "hangs in initialize": (lambda r, n: drop(r, n, "hangs_at_first"), "8 s"),
    "takes minutes": (lambda r, n: drop(r, n, "takes_minutes"), "8 s"),
    "depends on its batch-mates": (lambda r, n: drop(r, n, "depends_on_its_mates"), "batch"),
    "shares a mutable tokenizer": (lambda r, n: drop(r, n, "shares_a_tokenizer"), "golden"),
    "breaks the contract": (lambda r, n: drop(r, n, "wrong_dtype"), "INT64"),
}


def test_bad_drops_are_rejected_with_their_reason_and_cost_no_request(stack, repository):
    """Neither tritonserver nor the live version is touched, and the next good drop works."""
    server, stubs = stack.triton_pid, sorted(children_of(stack.triton_pid))
    faults: dict[str, str] = {}
    with SteadyTraffic(stack.http) as clients:
        for number, (name, (make, part)) in enumerate(BAD.items(), 2):
            make(repository, number)
            reason = wait_for(stack, number, "rejected", "live", "canary", "rolled_back")["reason"]
            if phase(stack, number) != "rejected" or part not in reason:
                faults[name] = f"{phase(stack, number)}: {reason}"
            if str(repository) in reason or str(stack.state) in reason:
                faults[name] = f"a path in: {reason}"
            assert stack.triton_pid == server
            assert sorted(children_of(server)) == stubs
        good = len(BAD) + 2
        drop(repository, good, "good")
        wait_for(stack, good, "live")
    assert faults == {}
    assert clients.traffic.failed == []
    assert stack.triton_pid == server


def test_a_half_written_drop_is_never_looked_at(stack, repository):
    """A slow copy is waited for; one that stops half-way waits for ever, or until it goes on."""
    folder = repository / MODEL / "2"
    with SteadyTraffic(stack.http) as clients:
        _copy_slowly(folder, code_of("good"), pieces=10, pause_s=0.4)
        assert phase(stack, 2) in {"", "detected"}
        wait_for(stack, 2, "live")
    assert clients.traffic.failed == []


def test_a_drop_that_does_not_match_its_checksums_waits_and_says_so(stack, repository):
    """With checksums there is no guessing when it is whole."""
    code = code_of("good")
    sums = f"{hashlib.sha256(code.encode()).hexdigest()}  model.py\n"
    folder = drop_files(repository, 2, {"model.py": code[:200], "SHA256SUMS": sums})
    _wait_for_reason(stack, "model.py")
    (folder / "model.py").write_text(code)
    wait_for(stack, 2, "verifying", "loading", "canary", "promoting", "live")


def test_files_of_a_live_version_that_change_are_reported_and_change_nothing(stack, repository):
    """A version is served as it was dropped."""
    file = repository / MODEL / "1" / "model.py"
    text = file.read_text()
    with SteadyTraffic(stack.http) as clients:
        file.write_text("raise RuntimeError('changed')\n")
        _wait_for_fault(stack, "have been changed")
        (repository / MODEL / "1").rename(repository / ".away")
        _wait_for_fault(stack, "has been removed")
        (repository / ".away").rename(repository / MODEL / "1")
        file.write_text(text)
        _wait_for_fault(stack, "")
    assert clients.traffic.failed == []
    assert rollout(stack)["stable"] == 1


def test_a_drop_with_things_that_are_no_files_is_refused(stack, repository):
    """A pipe would keep whoever opens it waiting; a link may lead anywhere."""
    folder = repository / ".made"
    folder.mkdir()
    (folder / "model.py").write_text(code_of("good"))
    os.mkfifo(folder / "pipe")
    folder.rename(repository / MODEL / "2")
    _wait_for_reason(stack, "pipe is a FIFO")


def test_two_drops_of_one_model_are_taken_in_turn(stack, repository):
    """The second waits until the first has ended."""
    with SteadyTraffic(stack.http) as clients:
        drop(repository, 3, "good")
        drop(repository, 2, "raises")
        wait_for(stack, 2, "rejected")
        wait_for(stack, 3, "live")
    assert clients.traffic.failed == []


def _copy_slowly(folder: Path, text: str, pieces: int, pause_s: float) -> None:
    folder.mkdir()
    wait = threading.Event()
    size = -(-len(text) // pieces)
    with (folder / "model.py").open("w") as out:
        for start in range(0, len(text), size):
            out.write(text[start : start + size])
            out.flush()
            wait.wait(pause_s)


def _wait_for_reason(stack, part: str) -> None:
    """Wait until version 2, which is not whole, says why."""
    wait_until(lambda: part in version(stack, 2).get("reason", ""), f"{part} is in the reason")
    assert phase(stack, 2) == "detected"


def _wait_for_fault(stack, part: str) -> None:
    """Wait until the live version has this fault, or none."""

    def has_it() -> bool:
        fault = version(stack, 1).get("fault")
        return fault is not None and (part in fault if part else fault == "")

    wait_until(has_it, f"the fault of version 1 has {part!r}")
