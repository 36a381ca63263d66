"""Gives back each input as the output of the same datatype; an absent one comes back empty.

Unlike the model of ``tests/models`` it always gives every output that its config promises, so that
no request can make it break its promise.
"""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self._outputs = {one["name"]: one["data_type"] for one in config["output"]}

    def execute(self, requests):
        return [pb_utils.InferenceResponse(self._echo(one)) for one in requests]

    def _echo(self, request):
        given = {one.name().replace("IN_", "OUT_"): one for one in request.inputs()}
        batch = next(iter(given.values())).shape()[0]
        return [_output(name, given.get(name), kind, batch) for name, kind in self._outputs.items()]


def _output(name, tensor, kind, batch):
    if kind == "TYPE_BF16":  # numpy has no BF16: its bytes are handed on as they are
        return pb_utils.Tensor.from_dlpack(name, tensor)
    if tensor is None:
        empty = np.empty((batch, 0), pb_utils.triton_string_to_numpy(kind))
        return pb_utils.Tensor(name, empty)
    return pb_utils.Tensor(name, tensor.as_numpy())
