"""Gives back what it gets, each request after a tenth of a second; counts its executions.

The file to count in is named by config.pbtxt.
"""

import json
import time
from pathlib import Path

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.count = Path(parameters["count_file"]["string_value"])

    def execute(self, requests):
        return [self.echo(one) for one in requests]

    def echo(self, request):
        time.sleep(0.1)
        with self.count.open("a") as file:
            file.write("x")
        values = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", values)])
