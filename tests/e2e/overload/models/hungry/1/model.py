"""Needs 16 KiB for each byte of its input, for as many milliseconds as the first number says."""

import os
import time

import numpy as np
import triton_python_backend_utils as pb_utils

BYTES_PER_INPUT_BYTE = 16 * 1024


class TritonPythonModel:
    def execute(self, requests):
        values = [pb_utils.get_input_tensor_by_name(one, "INPUT0").as_numpy() for one in requests]
        try:
            held = [np.ones(one.nbytes * BYTES_PER_INPUT_BYTE, np.uint8) for one in values]
        except MemoryError:
            os.abort()  # as a library in C++ does that cannot allocate
        time.sleep(max(float(one[0][0]) for one in values) / 1000)
        del held
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("OUTPUT0", one.sum(axis=1, keepdims=True, dtype=np.float32))]
            )
            for one in values
        ]
