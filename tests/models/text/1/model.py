"""Tells what it was given: texts, the optional input, parameters and the request id."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [_answer(one) for one in requests]


def _answer(request):
    texts = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()
    optional = pb_utils.get_input_tensor_by_name(request, "K")
    seen = [
        {
            "text": row[0].decode("latin-1"),
            "k": None if optional is None else optional.as_numpy().tolist(),
            "parameters": json.loads(request.parameters()),
            "id": request.request_id(),
        }
        for row in texts
    ]
    rows = np.array([[json.dumps(one, sort_keys=True).encode()] for one in seen], dtype=np.object_)
    thirds = np.full((len(texts), 3), 1 / 3, np.float32)
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor("SEEN", rows), pb_utils.Tensor("THIRDS", thirds)]
    )
