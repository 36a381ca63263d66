"""The pipeline's replies as Flask's responses."""

from flask import Response

from control.http.messages import Reply


def to_response(reply: Reply) -> Response:
    """Turn the pipeline's reply into Flask's."""
    response = Response(
        [bytes(part) for part in reply.body],
        status=reply.status,
        content_type=reply.content_type.decode("latin-1"),
    )
    for name, value in reply.headers:
        response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
    response.content_length = sum(map(len, reply.body))
    return response
