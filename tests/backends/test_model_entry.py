import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backends.fake_triton import Request, Tensor, make_module, series

COMPUTE = """
from backends.guarded import InputError
class Model:
    def __init__(self, context):
        pass
    def compute(self, inputs):
        rows = inputs["IN"].reshape(-1)
        if 13 in rows:
            raise ValueError("thirteen, in /srv/secret/place.py")
        if 99 in rows:
            raise MemoryError
        if -1 in rows:
            raise InputError("IN is negative")
        return {"OUT": inputs["IN"] * 2, "MORE": inputs["IN"] * 3}
    def count_tokens(self, inputs):
        if 7 in inputs["IN"]:
            raise RuntimeError("cannot count")
        return 5
"""
OBEDIENT = """
class Model:
    calls = []
    def __init__(self, context):
        pass
    def compute(self, inputs):
        return self.compute_with(inputs, {})
    def compute_with(self, inputs, parameters):
        self.calls.append((len(inputs["IN"]), parameters))
        factor = parameters.get("factor", 2)
        if factor == "seven":
            raise ValueError("no such factor")
        return {"OUT": inputs["IN"] * factor, "MORE": inputs["IN"]}
"""
WHO = {"model": "doubler", "version": "1"}


@pytest.fixture
def triton(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = make_module()
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", module)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, "backends.guarded.model", raising=False)
    return module


@pytest.fixture
def instance(triton: Any, tmp_path: Path) -> Any:  # noqa: ARG001 - must be in place first
    return load(tmp_path, COMPUTE)


@pytest.fixture
def obedient(triton: Any, tmp_path: Path) -> Any:  # noqa: ARG001 - must be in place first
    return load(tmp_path, OBEDIENT)


def load(repository: Path, compute: str) -> Any:
    (repository / "1").mkdir()
    (repository / "1" / "compute.py").write_text(compute)
    entry = importlib.import_module("backends.guarded.model").TritonPythonModel()
    outputs = [{"name": n, "data_type": "TYPE_FP32", "dims": ["1"]} for n in ("OUT", "MORE")]
    entry.initialize(
        {
            "model_config": json.dumps({"max_batch_size": 8, "output": outputs}),
            "model_name": "doubler",
            "model_version": "1",
            "model_repository": str(repository),
            "model_instance_name": "doubler_0_0",
            "model_instance_kind": "CPU",
            "model_instance_device_id": "0",
        }
    )
    return entry


def request(value: float, *wanted: str) -> Request:
    return Request([Tensor("IN", np.array([[value]], dtype=np.float32))], wanted or ("OUT",))


def test_each_request_gets_its_own_outcome(instance: Any) -> None:
    """Answers and the three kinds of error go back to the requests that earned them."""
    answers = instance.execute([request(v) for v in (1, 13, 99, -1, 2)])
    assert [a.error.code if a.error else a.outputs() for a in answers] == [
        {"OUT": [[2.0]]},
        "INTERNAL",
        "UNAVAILABLE",
        "INVALID_ARG",
        {"OUT": [[4.0]]},
    ]


def test_messages_hide_what_the_log_shows(instance: Any, triton: Any) -> None:
    """The client reads the class and a masked line; the log has the traceback."""
    (answer,) = instance.execute([request(13)])
    assert answer.error.message == "ValueError: thirteen, in <path>"
    assert any("/srv/secret/place.py" in line for line in triton.Logger.lines)


def test_only_requested_outputs_are_sent(instance: Any) -> None:
    """A request for one output does not pay for the other."""
    (answer,) = instance.execute([request(1, "MORE")])
    assert answer.outputs() == {"MORE": [[3.0]]}


def test_an_unreadable_request_fails_alone(instance: Any) -> None:
    """A tensor that Triton cannot hand over is its request's fault."""
    broken = Request([Tensor("IN", ValueError("corrupt at /dev/shm/region_1"))])
    answers = instance.execute([broken, request(3)])
    assert answers[0].error.code == "INVALID_ARG"
    assert "/dev/shm" not in answers[0].error.message
    assert answers[1].outputs() == {"OUT": [[6.0]]}


def test_failures_and_tokens_are_counted(instance: Any, triton: Any) -> None:
    """Tokens of answered requests, failures by kind, memory by instance."""
    instance.execute([request(v) for v in (1, 13, 13, -1, 2)])
    failures = "seawall_model_isolated_failures_total"
    assert series(triton, "seawall_model_tokens_total", **WHO) == 10
    assert series(triton, failures, **WHO, kind="model") == 2
    assert series(triton, failures, **WHO, kind="input") == 1
    assert series(triton, failures, **WHO, kind="memory") == 0
    memory = {**WHO, "instance": "doubler_0_0", "memory": "rss"}
    assert series(triton, "seawall_model_memory_bytes", **memory) > 0


def test_a_failed_count_costs_no_answer(instance: Any, triton: Any) -> None:
    """A bug in count_tokens is logged, and the request is answered."""
    (answer,) = instance.execute([request(7)])
    assert answer.outputs() == {"OUT": [[14.0]]}
    assert any("cannot count" in line for line in triton.Logger.lines)


def asking(value: float, parameters: str) -> Request:
    return Request([Tensor("IN", np.array([[value]], dtype=np.float32))], own=parameters)


def test_parameters_reach_the_model_that_obeys_them(obedient: Any) -> None:
    """Each request is computed with its own parameters; none is a plain `compute`."""
    requests = [asking(1, "{}"), asking(1, '{"factor": 3}'), asking(1, ""), asking(2, '{"a": 1}')]
    answers = obedient.execute(requests)
    assert [a.outputs()["OUT"] for a in answers] == [[[2.0]], [[3.0]], [[2.0]], [[4.0]]]


def test_only_requests_with_equal_parameters_share_a_call(obedient: Any) -> None:
    """One batch per set of parameters, in whatever order they are written; true is not 1."""
    texts = ['{"a": 1, "b": 2}', '{"a": true, "b": 2}', '{"b": 2, "a": 1}', '{"a": true, "b": 2}']
    calls = type(obedient._model).calls
    obedient.execute([asking(n, text) for n, text in enumerate(texts)])
    assert calls == [(2, {"a": 1, "b": 2}), (2, {"a": True, "b": 2})]


def test_bad_parameters_cost_nobody_else_an_answer(obedient: Any) -> None:
    """A model that fails on one request's parameters answers the others."""
    answers = obedient.execute([asking(1, "{}"), asking(1, '{"factor": "seven"}'), asking(3, "{}")])
    assert [a.error.code if a.error else a.outputs()["OUT"] for a in answers] == [
        [[2.0]],
        "INTERNAL",
        [[6.0]],
    ]
