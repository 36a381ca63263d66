"""Gives back what it gets, each request after a tenth of a second; counts its executions."""

import time
from pathlib import Path

import triton_python_backend_utils as pb_utils

_COUNT = Path(__file__).resolve().parents[1] / "count"


class TritonPythonModel:
    def execute(self, requests):
        return [_echo(one) for one in requests]


def _echo(request):
    time.sleep(0.1)
    with _COUNT.open("a") as file:
        file.write("x")
    values = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", values)])
