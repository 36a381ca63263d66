"""Gives back what it gets, in the mood that the file ``mood`` beside its version names."""

import os
import time
from pathlib import Path

import triton_python_backend_utils as pb_utils

_MOOD = Path(__file__).resolve().parents[1] / "mood"


class TritonPythonModel:
    def execute(self, requests):
        mood = _MOOD.read_text()
        if mood == "fail":
            raise ValueError("boom")
        if mood == "die":
            os._exit(1)
        while mood == "hang":
            time.sleep(0.01)
            mood = _MOOD.read_text()
        return [_echo(one) for one in requests]


def _echo(request):
    values = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", values)])
