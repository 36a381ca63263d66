"""Requests to the admin API: bodies are strict JSON objects, or refused."""

from typing import Any, Final

import orjson
from flask import Request

from control.errors import MalformedRequest, TooLarge

_JSON: Final = "application/json"
_MAX_BYTES: Final = 64 * 1024


class AdminRequest(Request):
    """A request whose JSON is read by a strict and bounded parser."""

    def get_json(self, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401 - the library's own
        """Give the body's JSON object; raises MalformedRequest or TooLarge."""
        if self.mimetype != _JSON:
            message = f"the body must be {_JSON}, not '{self.mimetype[:64]}'"
            raise MalformedRequest(message, status=415)
        data = self.get_data()
        if len(data) > _MAX_BYTES:
            message = f"the body has {len(data)} bytes; the limit is {_MAX_BYTES}"
            raise TooLarge(message)
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            # not the parser's whole text: it may quote the body
            message = f"the body is no valid JSON: line {error.lineno}, column {error.colno}"
            raise MalformedRequest(message) from None
        if not isinstance(document, dict):
            message = "the body must be a JSON object"
            raise MalformedRequest(message)
        return document
