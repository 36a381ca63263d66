"""Single HTTP requests, each on a connection of its own, by the standard library."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from tests.support.answers import Answer, joined

_TIMEOUT_S = 60.0


def exchange(
    address: str,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request and read its answer."""
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, joined(answer.getheaders()), answer.read())
    finally:
        connection.close()


def post_json(address: str, path: str, document: Any) -> Answer:
    """POST a document, or JSON text as it stands."""
    text = document if isinstance(document, str) else json.dumps(document)
    return exchange(address, "POST", path, text.encode())
