"""Gives back each input that is there as the output of the same datatype."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse(_echo(one)) for one in requests]


def _echo(request):
    outputs = []
    for tensor in request.inputs():
        name = tensor.name().replace("IN_", "OUT_")
        if name == "OUT_BF16":  # numpy has no BF16: hand the bytes on as they are
            outputs.append(pb_utils.Tensor.from_dlpack(name, tensor))
        else:
            outputs.append(pb_utils.Tensor(name, tensor.as_numpy()))
    return outputs
