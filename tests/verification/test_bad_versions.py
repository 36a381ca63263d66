"""Whatever is wrong with a version, it is rejected with the exact reason, and nothing is left."""

import re
from pathlib import Path
from typing import Any

import pytest

from control.core.canary_policy import VerificationPolicy
from tests.verification.drops import CONFIG, CONTRACT, Drop, code

pytestmark = pytest.mark.triton

WEIGHTS = """
[[file]]
path = "weights/model.onnx"
package = "magika"
version = "1.0.0"
wheel = "magika-1.0.0-py3-none-any.whl"
wheel_sha256 = "{digest}"
member = "magika/model.onnx"
sha256 = "{digest}"
size_bytes = 12
""".format(digest="0" * 64)
THREADS = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    return list(pool.map(self.answer, given))
"""
#: Two processes that write to one file, each of which reads what the other has written.
SHARED_FILE = """
file = os.path.join(os.path.dirname(__file__), "buffer.npy")
np.save(file, values)
time.sleep(0.01)
return np.load(file) * 2
"""
UNBATCHED = CONFIG.replace("max_batch_size: 16", "max_batch_size: 0").replace(
    "dynamic_batching { max_queue_delay_microseconds: 500 }", ""
)
AT_SIX = """
if values[0, 0] == 3:
    {}
return values * 2
"""
SHARED_BUFFER = """
self.buffer = values
time.sleep(0.002)
return self.buffer * 2
"""
REMEMBERS = """
before, self.last = self.last, values[0, 0]
return values * 2 + np.float32(0.5 * (before > 6))
"""
FACTOR = 'parameters {{ key: "factor" value {{ string_value: "{}" }} }}\n'
READS_FACTOR = """
import json
self.factor = float(json.loads(args["model_config"])["parameters"]["factor"]["string_value"])
"""


def golden(name: str, rows: list[Any], low: float, high: float) -> dict[str, Any]:
    """A golden request whose answer is within a range."""
    expect = {"Y": {"min": low, "max": high}}
    return {"name": name, "version": None, "inputs": {"X": rows}, "expect": expect}


def model(**bodies: str) -> dict[str, str]:
    """The files of a version with other bodies of some methods."""
    return {"model.py": code(**bodies)}


#: By what is wrong: the check that finds it, its reason as a pattern, and the drop.
BAD: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no model.py": (
        "files",
        r"2/model\.py: is missing: the backend 'python' needs it",
        {"files": {"notes.txt": "soon"}},
    ),
    "no compute.py": (
        "files",
        r"2/compute\.py: is missing: the backend 'guarded' needs it",
        {"files": {"notes.txt": "soon"}, "config": CONFIG.replace('"python"', '"guarded"')},
    ),
    "a syntax error": (
        "files",
        r"2/model\.py:2: is not Python: invalid syntax",
        {"files": {"model.py": "import numpy\ndef answer(:\n"}},
    ),
    "weights missing": (
        "files",
        r"2/weights/model\.onnx: is missing: fetch the weights \(seawall models fetch\)",
        {"files": {**model(), "weights.toml": WEIGHTS}},
    ),
    "weights too short": (
        "files",
        r"2/weights/model\.onnx: must have 12 bytes, got 5",
        {"files": {**model(), "weights.toml": WEIGHTS, "weights/model.onnx": "half\n"}},
    ),
    "no config": (
        "files",
        r"config\.pbtxt:3: is not a model config: .*no field named \"max_batch\".*",
        {"config": CONFIG.replace("max_batch_size", "max_batch")},
    ),
    "a contract that does not fit": (
        "files",
        r"contract\.yaml:5: outputs\.Z: no such output of the model; there is: Y",
        {"contract": CONTRACT.replace("Y:", "Z:")},
    ),
    "another datatype": (
        "contract",
        r"breaks callers of version 1: input X: the datatype was FP32, and is FP64",
        {"config": CONFIG.replace('"X" data_type: TYPE_FP32', '"X" data_type: TYPE_FP64')},
    ),
    "raises in initialize": (
        "load",
        r"does not load: FileNotFoundError: \[Errno 2\] No such file or directory: '2/lost\.bin'",
        {"files": model(initialize="open(args['model_repository'] + '/2/lost.bin')")},
    ),
    "raises on import": (
        "load",
        r"does not load: ModuleNotFoundError: No module named 'no_such_module'",
        {"files": {"model.py": "import no_such_module\n" + code()}},
    ),
    "exits in initialize": (
        "load",
        r"does not load: its process died in initialize \(exit status 3\)",
        {"files": model(initialize="os._exit(3)")},
    ),
    "crashes in initialize": (
        "load",
        r"does not load: its process died in initialize \(SIGSEGV\)",
        {"files": model(initialize="ctypes.string_at(0)")},
    ),
    "hangs in initialize": (
        "load",
        r"does not load: initialize took more than 1\.5 s",
        {
            "files": model(initialize="ctypes.PyDLL(None).sleep(1000000)"),
            "policy": VerificationPolicy(load_timeout_s=1.5),
        },
    ),
    "kills tritonserver in initialize": (
        "load",
        r"tritonserver died while it was loaded \(SIGKILL\)",
        {"files": model(initialize="os.kill(os.getppid(), signal.SIGKILL)")},
    ),
    "answers another datatype": (
        "golden",
        (
            r"golden request 'two' is answered against the contract:"
            r" outputs\.Y\.datatype \(datatype\): FP32, got INT64"
        ),
        {"files": model(answer="return (values * 2).astype(np.int64)")},
    ),
    "answers NaN": (
        "golden",
        (
            r"golden request 'two' is answered against the contract:"
            r" outputs\.Y\[0\] \(finite\): finite numbers, got nan"
        ),
        {"files": model(answer="return values * np.float32('nan')")},
    ),
    "answers wrongly": (
        "golden",
        r"golden request 'two': Y\[0\] must be 2, got 3",
        {"files": model(answer="return values * 3")},
    ),
    "raises": (
        "golden",
        r"golden request 'six' was refused with status 500: ValueError: boom",
        {"files": model(answer=AT_SIX.format("raise ValueError('boom')"))},
    ),
    "kills its process": (
        "golden",
        r"its process died at golden request 'six' \(exit status 7\)",
        {"files": model(answer=AT_SIX.format("os._exit(7)"))},
    ),
    "kills tritonserver": (
        "golden",
        r"tritonserver died at golden request 'six' \(SIGKILL\)",
        {"files": model(answer=AT_SIX.format("os.kill(os.getppid(), 9)"))},
    ),
    "normalises over the batch": (
        "batch_mates",
        (
            r"the answer to golden request '\w+'.* depends on its batch: beside golden request .*,"
            r" outputs\.Y\[0\] is \S+, expected \S+ within 1e-05 \+ 0\.001 of it"
        ),
        {"files": model(answer="return values * 2 + np.float32(len(values) > 2)")},
    ),
    "normalises over what Triton joins": (
        "batch_mates",
        r"the answer to golden request '\w+'.* depends on its batch: beside golden request .*",
        {
            "files": model(
                answer_all="return [one * 2 + np.float32(len(given) > 1) for one in given]"
            )
        },
    ),
    "keeps something of the request before": (
        "batch_mates",
        r"golden request '\w+'.* is answered differently after other requests: outputs\.Y\[0\] .*",
        {
            "files": model(initialize="self.last = 5", answer=REMEMBERS),
            "golden": [
                golden(str(one), [[one]], 2 * one, 2 * one + 1) for one in (5, 6, 7, 4, 8, 1)
            ],
        },
    ),
    "shares a buffer among threads": (
        "batch_mates",
        r".*golden request '\w+'.* (depends on its batch|is answered against the contract): .*",
        {"files": model(answer_all=THREADS, answer=SHARED_BUFFER)},
    ),
    "shares a buffer among processes": (
        "concurrency",
        (
            r"golden request '\w+'.* is answered differently in parallel:"
            r" outputs\.Y(\[0\] is \S+, expected \S+ within 1e-05 \+ 0\.001 of it| has shape .*)"
        ),
        {
            "files": model(answer=SHARED_FILE),
            "config": UNBATCHED.replace("count: 1", "count: 2"),
            "live_files": None,
            "golden": [golden("one", [1, 1], 2, 2), golden("four", [4, 4], 8, 8)],
        },
    ),
    "draws an answer that should be the same": (
        "batch_mates",
        (
            r"golden request 'any'.* has no repeatable answer: .*,"
            r" but the contract says deterministic"
        ),
        {
            "files": model(answer="return values + np.float32(np.random.rand())"),
            "contract": "deterministic: true\n" + CONTRACT,
            "golden": [golden("any", [[1, 2]], 0, 9)],
        },
    ),
    "is slow": (
        "profile",
        r"is too slow: (median|p90) \S+ ms, limit \S+ ms \(1\.5 times the \S+ ms of .*\)",
        {
            "files": model(answer=AT_SIX.format("time.sleep(0.06)")),
            "policy": VerificationPolicy(max_duration_ratio=1.5),
        },
    ),
    "needs memory": (
        "profile",
        (
            r"needs too much memory: \d+ MiB, limit \d+ MiB"
            r" \(4 times the \d+ MiB of version 1, and 64 MiB\)"
        ),
        {"files": model(initialize="self.held = np.ones(50_000_000)")},
    ),
    "has golden requests of another form": (
        "files",
        r"golden\.json: requests\[0\]: must be an object, got str",
        {"golden": ["two"]},
    ),
    "brings a config that the live version does not load with": (
        "shared_files",
        (
            r"with the config and the files that it brings for all versions,"
            r" version 1 does not load: KeyError: 'factor'"
        ),
        {
            "config": CONFIG + FACTOR.format(2).replace("factor", "other"),
            "live_config": CONFIG + FACTOR.format(2),
            "live_files": model(initialize=READS_FACTOR),
        },
    ),
    "brings a config that the live version answers differently with": (
        "shared_files",
        (
            r"with the config and the files that it brings for all versions,"
            r" version 1 answers golden request 'two' differently: .*"
        ),
        {
            "config": CONFIG + FACTOR.format(3),
            "live_config": CONFIG + FACTOR.format(2),
            "live_files": model(
                initialize=READS_FACTOR, answer="return values * np.float32(self.factor)"
            ),
        },
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_version_is_rejected_with_the_reason(name: str, tmp_path: Path) -> None:
    """What, where, the limit and the got; no path, no frame; nothing is left running."""
    check, reason, drop = BAD[name]
    report = Drop(tmp_path, **drop).verify()
    assert (report.verdict, report.checks[-1].name) == ("bad", check), report.reason
    assert re.fullmatch(reason, report.reason), report.reason
    assert report.checks[-1].detail == report.reason
    assert str(tmp_path) not in report.reason
    assert [one.result for one in report.checks].count("failed") == 1
