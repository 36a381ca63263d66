"""Versions of a model that answers twice what it is asked, good ones and bad ones of every kind."""

import json
import shutil
import textwrap
from pathlib import Path

MODEL = "twice"

_CONFIG = """\
backend: "python"
max_batch_size: 16
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 3 ] } ]
version_policy { specific { versions: [ 1 ] } }
dynamic_batching { max_queue_delay_microseconds: 100 }
instance_group [ { count: 1 kind: KIND_CPU } ]
"""

_CONTRACT = """\
inputs:
  INPUT0: {finite: true, min: -1000000, max: 1000000}
outputs:
  OUTPUT0: {finite: true}
canary:
  step_weights: [20, 50]
  interval_s: 2
  minimum_samples: 10
  bake_time_s: 3
  verification: {load_timeout_s: 8}
"""

_GOLDEN = {
    "requests": [
        {
            "name": f"golden {number}",
            "version": None,
            "inputs": {"INPUT0": [[number, number + 1.0, -number]]},
            "expect": {
                "OUTPUT0": {"near": [2.0 * number, 2 * number + 2, -2.0 * number], "tolerance": 0}
            },
        }
        for number in (1.0, 2.0, 3.0, 40.0)
    ]
}

#: ``{initialize}``, ``{compute}`` and how requests are gone through make a version special.
_CODE = """\
import os
import signal
import sys
import time

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import triton_python_backend_utils as pb_utils

POOL = ThreadPoolExecutor(8)
TOKENIZER = {{}}


class TritonPythonModel:
    def initialize(self, args):
        self.calls = 0
{initialize}

    def execute(self, requests):
        self.mates = len(requests) - 1
        return list({map}(self._answer, requests))

    def _answer(self, request):
        values = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
        self.calls += 1
        answer = values * np.float32(2)
{compute}
        tensor = pb_utils.Tensor("OUTPUT0", answer)
        return pb_utils.InferenceResponse([tensor])
"""

#: How each kind of version computes. Golden requests have whole first numbers below 100; clients
#: send others, so that faults show in traffic and not in verification.
COMPUTES = {
    "good": "",
    "fails": "if values[0][0] > 100 and self.calls % 5 == 0: raise ValueError('one in five')",
    "nan": "if values[0][0] > 100: answer = answer * np.float32('nan')",
    "wrong_dtype": "answer = answer.astype(np.int64)",
    "slow": "time.sleep(0.01)",
    "slower": "time.sleep(0.02)",
    "kills_its_stub": "if int(values[0][0]) % 10 == 7 and values[0][0] > 100: os._exit(1)",
    "kills_the_server": (
        "if int(values[0][0]) % 10 == 7 and values[0][0] > 100:"
        " os.kill(os.getppid(), signal.SIGKILL)"
    ),
    "depends_on_its_mates": "answer = answer + np.float32(self.mates)",
    "shares_a_tokenizer": (
        "TOKENIZER['row'] = values; time.sleep(0.002); answer = TOKENIZER['row'] * np.float32(2)"
    ),
    "hangs": "if int(values[0][0]) % 10 == 7 and values[0][0] > 100: time.sleep(1e6)",
}
INITIALIZES = {
    "raises": "raise RuntimeError('no weights here')",
    "exits": "os._exit(3)",
    "hangs_at_first": "time.sleep(1e6)",
    "takes_minutes": "time.sleep(180)",
    "slow_to_load": "time.sleep(1.5)",
}


def code_of(kind: str) -> str:
    """The model.py of a kind of version."""
    return _CODE.format(
        initialize=textwrap.indent(INITIALIZES.get(kind, "pass"), " " * 8),
        map="POOL.map" if kind == "shares_a_tokenizer" else "map",
        compute=textwrap.indent(COMPUTES.get(kind, "") or "pass", " " * 8),
    )


def make_repository(folder: Path, contract: str = "", first: str = "good") -> Path:
    """A repository with the model in version 1; ``contract`` replaces the part ``canary``."""
    model = folder / MODEL
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text(_CONFIG)
    text = _CONTRACT if not contract else _CONTRACT.partition("canary:")[0] + contract
    (model / "contract.yaml").write_text(text)
    (model / "golden.json").write_text(json.dumps(_GOLDEN))
    (model / "1" / "model.py").write_text(code_of(first))
    return folder


def drop(repository: Path, version: int, kind: str, model: str = MODEL) -> Path:
    """Drop a version as an author should: made elsewhere, moved in as a whole."""
    made = repository / f".made-{model}-{version}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    (made / "model.py").write_text(code_of(kind))
    target = repository / model / str(version)
    shutil.rmtree(target, ignore_errors=True)
    made.rename(target)
    return target


def drop_files(repository: Path, version: int, files: dict[str, str]) -> Path:
    """Drop a version with just these files, moved in as a whole."""
    made = repository / f".made-{version}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for name, text in files.items():
        (made / name).write_text(text)
    target = repository / MODEL / str(version)
    shutil.rmtree(target, ignore_errors=True)
    made.rename(target)
    return target
