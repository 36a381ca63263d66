"""The identity model of the speed comparison; it does no work of its own."""  # noqa: INP001  Triton's layout, no package

from __future__ import annotations  # the stub's own types exist only in part at import

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Answers INPUT0 as OUTPUT0."""

    def execute(
        self, requests: list[pb_utils.InferenceRequest]
    ) -> list[pb_utils.InferenceResponse]:
        """Give every request of the batch its own tensor back."""
        return [pb_utils.InferenceResponse([echo(request)]) for request in requests]


def echo(request: pb_utils.InferenceRequest) -> pb_utils.Tensor:
    """Rename the input tensor to the output's name."""
    tensor = pb_utils.get_input_tensor_by_name(request, "INPUT0")
    return pb_utils.Tensor("OUTPUT0", tensor.as_numpy())
