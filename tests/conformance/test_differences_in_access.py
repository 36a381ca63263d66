"""What Seawall opens or closes otherwise than Triton, on purpose."""

import pytest
import tritonclient.http as triton

from tests.conformance.json_requests import INFER, row
from tests.support.exchange import exchange, post_json

pytestmark = pytest.mark.triton


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/repository/models/identity/load"),
        ("POST", "/v2/repository/models/identity/unload"),
        ("GET", "/v2/systemsharedmemory/status"),
        ("GET", "/v2/systemsharedmemory/region/a/status"),
        ("POST", "/v2/systemsharedmemory/region/a/register"),
        ("POST", "/v2/systemsharedmemory/unregister"),
        ("GET", "/v2/cudasharedmemory/status"),
        ("POST", "/v2/cudasharedmemory/region/a/register"),
        ("GET", "/v2/logging"),
        ("POST", "/v2/logging"),
        ("GET", "/v2/trace/setting"),
        ("POST", "/v2/trace/setting"),
        ("GET", "/v2/models/identity/trace/setting"),
        ("POST", "/v2/models/identity/trace/setting"),
    ],
)
def test_administration_is_closed(direct, guard, method, path):
    """Triton is started with it locked; Seawall has no key to give it, whatever header comes."""
    headers = {"admin-key": "x", "triton-grpc-protocol-admin-key": "x"}
    assert exchange(direct, method, path).status == 403
    ours = exchange(guard, method, path, b"{}", headers)
    assert (ours.status, ours.document["code"]) == (403, "forbidden")


def test_the_repository_index_is_open_for_reading(direct, guard):
    """Triton locks it with the rest of the repository; Seawall answers it from what it knows."""
    assert exchange(direct, "POST", "/v2/repository/index", b"{}").status == 403
    ours = exchange(guard, "POST", "/v2/repository/index", b"{}")
    assert ours.document == [
        {"name": name, "version": "1", "state": "READY"}
        for name in ("every_type", "faulty", "identity", "text")
    ]


def test_the_client_reads_the_index(guard):
    """The unmodified client understands it."""
    with triton.InferenceServerClient(guard) as client:
        index = client.get_model_repository_index()
    assert {one["name"]: one["state"] for one in index}["identity"] == "READY"


def test_shared_memory_is_closed(direct, guard):
    """Triton looks the region up; Seawall lets nobody name one."""
    tensor = {"shared_memory_region": "region", "shared_memory_byte_size": 8}
    inputs = [{"name": "INPUT0", "datatype": "FP32", "shape": [1, 2], "parameters": tensor}]
    asked = {**row([1.0]), "outputs": [{"name": "OUTPUT0", "parameters": tensor}]}
    for document in ({"inputs": inputs}, asked):
        assert post_json(direct, INFER, document).status == 404
        ours = post_json(guard, INFER, document)
        assert (ours.status, ours.document["code"]) == (403, "forbidden")


def test_head_is_served_for_documents(direct, guard):
    """Triton knows no HEAD; load balancers do."""
    assert exchange(direct, "HEAD", "/v2/health/live").status == 405
    assert exchange(guard, "HEAD", "/v2/health/live").status == 200
