"""Gives back what it gets, in the mood that a file names which config.pbtxt names."""

import json
import os
import time
from pathlib import Path

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.mood = Path(parameters["mood_file"]["string_value"])

    def execute(self, requests):
        mood = self.mood.read_text()
        if mood == "fail":
            raise ValueError("boom")
        if mood == "die":
            os._exit(1)
        while mood == "hang":
            time.sleep(0.01)
            mood = self.mood.read_text()
        return [_echo(one) for one in requests]


def _echo(request):
    values = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", values)])
