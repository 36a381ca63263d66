"""The Flask application under a server that is not ours."""

import threading

import numpy as np
import pytest
import tritonclient.http
from werkzeug.serving import make_server

from control.gateway.wsgi import application
from tests.support.stack import TEST_MODELS, Stack, wait_until

pytestmark = pytest.mark.triton


def test_any_wsgi_server_can_run_the_data_plane():
    """A plain threaded WSGI server answers Triton's client through the same pipeline."""
    with Stack(TEST_MODELS) as stack:
        app = application(str(stack.state / "run" / "setup.json"))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{server.server_port}")
            wait_until(client.is_server_ready, "the application follows the controller")
            one = tritonclient.http.InferInput("INPUT0", [1, 3], "FP32")
            one.set_data_from_numpy(np.array([[1, 2, 3]], np.float32))
            answer = client.infer("identity", [one])
            assert answer.as_numpy("OUTPUT0").tolist() == [[1, 2, 3]]
            with pytest.raises(tritonclient.http.InferenceServerException, match="not found"):
                client.infer("nobody", [one])
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()
