"""Replies and refusals as responses of Flask, for the data plane and for the admin API."""

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from control.errors import ControlError, EndpointNotFound, MethodNotAllowed, release_frames
from control.http.error_reply import error_reply, kept_request_id
from control.http.messages import Reply
from control.observability.logs import get_logger

_log = get_logger("flask")


def to_response(reply: Reply) -> Response:
    """Turn a reply into Flask's."""
    response = Response(
        [bytes(part) for part in reply.body],
        status=reply.status,
        content_type=reply.content_type.decode("latin-1"),
    )
    for name, value in reply.headers:
        response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
    response.content_length = sum(map(len, reply.body))
    return response


def answer_faults(app: Flask) -> None:
    """Give every refusal and failure of an application the one form."""
    app.register_error_handler(ControlError, _answer)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_failure)


def _answer(error: ControlError) -> Response:
    release_frames(error)
    return to_response(error_reply(error, _request_id()))


def _answer_http_error(error: HTTPException) -> Response:
    release_frames(error)  # Flask's request keeps it
    ours: ControlError
    match error.code:
        case 404:
            ours = EndpointNotFound("no such endpoint")
        case 405:
            allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
            message = f"{request.method[:16]} is not allowed here; allowed: {allowed}"
            ours = MethodNotAllowed(message, headers=[("Allow", allowed)])
        case _:
            ours = ControlError(error.description or error.name, status=error.code)
    return _answer(ours)


def _answer_failure(error: Exception) -> Response:
    request_id, path = _request_id(), request.path[:256]
    _log.error("unforeseen_failure", request_id=request_id, path=path, exc_info=error)
    release_frames(error)
    return to_response(error_reply(ControlError("Seawall failed on this request"), request_id))


def _request_id() -> str:
    return kept_request_id(request.headers.get("x-request-id", ""))
