"""Which paths and methods there are, and their documents."""

import pytest

from tests.support.answers import same
from tests.support.exchange import exchange
from tests.support.http_client import connected, get, head

pytestmark = pytest.mark.triton

INFER = "/v2/models/identity/infer"


@pytest.mark.parametrize(
    "path",
    [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/text",
        "/v2/models/text/versions/1",
        "/v2/models/text/ready",
        "/v2/models/text/versions/1/ready",
        "/v2/models/text/versions/7/ready",
        "/v2/models/nobody/ready",
        "/v2/models/text/config",
        "/v2/models/text/versions/1/config",
    ],
)
def test_documents_are_tritons_own(direct, guard, path):
    """Metadata, config and readiness have Triton's status and content."""
    theirs, ours = exchange(direct, "GET", path), exchange(guard, "GET", path)
    assert theirs.status == ours.status
    if theirs.body:
        assert same(theirs.document, ours.document)
    else:
        assert ours.body == b""


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", INFER),
        ("PUT", INFER),
        ("DELETE", INFER),
        ("OPTIONS", INFER),
        ("GET", "/v2/models/text/generate"),
        ("POST", "/v2"),
        ("POST", "/v2/health/live"),
        ("POST", "/v2/models/text"),
        ("POST", "/v2/models/text/config"),
        ("POST", "/v2/models/text/stats"),
        ("OPTIONS", "/v2/models/text"),
    ],
)
def test_methods_that_an_endpoint_does_not_have(address, method, path):
    """They are 405, and a sentence in JSON says so."""
    answer = exchange(address, method, path)
    assert answer.status == 405
    assert answer.document["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v2/models",
        "/v2/models/",
        "/v2/models//infer",
        "/v2//models/text",
        "/v2/",
        "/v2/models/text/infer/",
        "/v2/models/text/nothing",
        "/v2/models/text/versions",
        "/v2/models/text/versions/1/nothing",
        "/v2/health",
        "/metrics",
        "/admin/v1/status",
    ],
)
def test_paths_that_do_not_exist(address, path):
    """They are 404, and a sentence in JSON says so; nobody is sent elsewhere."""
    answer = exchange(address, "GET", path)
    assert answer.status == 404
    assert answer.document["error"]


async def test_answers_to_head_have_no_body(guard):
    """After a HEAD the next answer begins where it should (Triton sends a body all the same)."""
    async with connected(guard) as client:
        for path in ("/v2/health/live", "/v2", "/v2/models/nobody", INFER):
            await client.send(head("HEAD", path), get("/v2"))
            assert (await client.reply(with_body=False)).status in {200, 404, 405}
            assert (await client.reply()).document["name"] == "triton"
