"""``/admin/v1/events``: what happens, as server-sent events (SSE) for as long as one listens."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Final

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import PREFIX, new_api
from control.controller.admin.gate import AdminGate
from control.controller.event_stream import Event, EventStream
from control.errors import ControlError, release_frames
from control.http.error_reply import error_reply, kept_request_id
from control.http.messages import Reply, Request, StreamReply

_PATH: Final = "/events"
_RAW_PATH: Final = f"{PREFIX}{_PATH}".encode()
_SSE: Final = "text/event-stream; charset=utf-8"
_RETRY: Final = b"retry: 1000\n"
_HEARTBEAT: Final = b": still here\n\n"
_HEARTBEAT_S: Final = 15.0
_NO_STORE: Final = (b"Cache-Control", b"no-store")

_ABOUT: Final = (
    "Every change of a version's phase or weight is an event `rollout`, whose data is an object"
    " with `model`, `version`, `phase`, `weight`, `reason` and `at`. Who comes back with the id of"
    " the last event that it has got hears those since; an event `lost` says how many are gone"
    " (`count`; null where that is not known)."
)
_EVENT: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": ["rollout", "lost"]},
        "data": {"type": "string", "description": "A JSON object."},
    },
    "required": ["event", "data"],
}
_EVENTS: Final[Mapping[str, Any]] = {
    "description": "Events as they happen, and a comment every 15 s.",
    "content": {"text/event-stream": {"schema": _EVENT}},
}


class LastEvent(BaseModel):
    """Where a listener has been."""

    last_event_id: str = Field(
        "", alias="Last-Event-ID", description="The id of the last event that was got."
    )


class EventsFront:
    """Answers listeners on the event loop, where they take no thread; ``otherwise`` the rest."""

    def __init__(
        self,
        stream: EventStream,
        gate: AdminGate,
        otherwise: Callable[[Request], Awaitable[Reply]],
        heartbeat_s: float = _HEARTBEAT_S,
    ) -> None:
        """Let those listen to ``stream`` whom ``gate`` admits."""
        self._stream = stream
        self._gate = gate
        self._otherwise = otherwise
        self._heartbeat_s = heartbeat_s

    async def handle(self, request: Request) -> Reply | StreamReply:
        """Answer one request."""
        if request.method != b"GET" or request.path != _RAW_PATH:
            return await self._otherwise(request)
        try:
            self._gate.admit("GET", request.headers)
            self._stream.check_room()
        except ControlError as error:
            release_frames(error)
            given = request.headers.get(b"x-request-id", b"").decode("latin-1")
            reply = error_reply(error, kept_request_id(given))
            reply.headers = [*reply.headers, _NO_STORE]
            return reply
        return StreamReply(200, self._tell(request.headers), _SSE.encode(), [_NO_STORE])

    async def _tell(self, headers: Mapping[bytes, bytes]) -> AsyncGenerator[bytes, None]:
        last_id = headers.get(b"last-event-id", b"").decode("latin-1")
        with self._stream.listen(last_id) as listener:
            yield _beginning("" if last_id else listener.start)
            while True:
                events: list[Event] = []
                try:
                    async with asyncio.timeout(self._heartbeat_s):
                        events = await listener.take()
                except TimeoutError:
                    pass
                if not self._is_admitted(headers):
                    return
                yield b"".join(one.encode() for one in events) or _HEARTBEAT

    def _is_admitted(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a listener's token still holds: it may have been revoked, or have expired."""
        try:
            self._gate.admit("GET", headers)
        except ControlError:
            return False
        return True


def events_api(stream: EventStream) -> APIBlueprint:
    """Make the part. Alone, without ``EventsFront``, it tells what has happened, and ends."""
    api = new_api("events", "What happens, as it happens.")

    @api.get(
        _PATH,
        operation_id="listen_to_events",
        summary="Listen to events",
        description=_ABOUT,
        responses={200: dict(_EVENTS)},
    )
    def _listen(header: LastEvent) -> Response:
        last_id = header.last_event_id
        newest, events = stream.since(last_id)
        parts = [_beginning("" if last_id else newest), *(one.encode() for one in events)]
        return Response(b"".join(parts), content_type=_SSE)

    return api


def _beginning(event_id: str) -> bytes:
    """Say how soon to come back, and from where on: an id alone is no event, but it is kept."""
    return _RETRY + (f"id: {event_id}\n\n".encode() if event_id else b"\n")
