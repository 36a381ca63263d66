"""Doubles what it gets, so that an answer tells who gave it."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [_double(one) for one in requests]


def _double(request):
    values = pb_utils.get_input_tensor_by_name(request, "VALUES").as_numpy()
    return pb_utils.InferenceResponse([pb_utils.Tensor("DOUBLED", values * 2)])
