"""Headers that Seawall's answers have and Triton's have not."""

import json

import pytest

from tests.conformance.json_requests import INFER, row
from tests.support.exchange import exchange, post_json

pytestmark = pytest.mark.triton


@pytest.mark.parametrize("endpoint", ["infer", "versions/1/infer"])
def test_answers_name_version_and_track(direct, guard, endpoint):
    """Triton's answers have no such headers; Seawall's say what gave the answer."""
    path = f"/v2/models/identity/{endpoint}"
    theirs, ours = post_json(direct, path, row([1.0])), post_json(guard, path, row([1.0]))
    assert not {"x-request-id", "seawall-model-version", "seawall-track"} & theirs.headers.keys()
    assert ours.headers["seawall-model-version"] == "1"
    assert ours.headers["seawall-track"] == "stable"


@pytest.mark.parametrize("given", ["7", "a/b+c=", "x" * 128, "{}"])
def test_the_clients_request_id_is_kept(guard, given):
    """An id that the client gives is on the answer, as it was."""
    body = json.dumps(row([1.0])).encode()
    answer = exchange(guard, "POST", INFER, body, {"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 129, "\xff", "a\tb"])
def test_a_request_without_a_good_id_gets_one(guard, given):
    """What cannot stand in a log line is replaced, by another id each time."""
    body = json.dumps(row([1.0])).encode()
    headers = {} if given is None else {"X-Request-Id": given}
    ids = {exchange(guard, "POST", INFER, body, headers).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert given not in ids
