"""Fails in the way that its first number asks for; 0 gives back the input."""

import os
import time

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [_answer(one) for one in requests]


def _answer(request):
    values = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
    fault = int(values[0][0])
    if fault == 1:
        raise ValueError("boom")
    if fault == 3:
        os._exit(1)
    if fault == 7:
        error = pb_utils.TritonError("per-request error", pb_utils.TritonError.INVALID_ARG)
        return pb_utils.InferenceResponse(error=error)
    if fault == 9:
        time.sleep(float(values[0][1]))
    if fault == 11:
        return _with(values.astype(np.int64))
    if fault == 16:
        return pb_utils.InferenceResponse([])
    if fault == 19:
        return _with(np.ones((7, 3), np.float32))
    return _with(values)


def _with(values):
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", values)])
