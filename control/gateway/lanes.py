"""Which lane a request takes: known inference routes go express, everything else to Flask."""

from control.core.snapshot import Snapshot
from control.errors import ControlError
from control.gateway.pipeline import Form, Pipeline, Target
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Reply, Request
from control.http.wsgi import WsgiLane
from control.observability.logs import get_logger

_log = get_logger("lanes")


class Lanes:
    """The gateway's request handler."""

    def __init__(self, pipeline: Pipeline, flask: WsgiLane) -> None:
        """Know no express routes until ``learn_routes``."""
        self._pipeline = pipeline
        self._flask = flask
        self._express: dict[bytes, Target] = {}

    def learn_routes(self, snapshot: Snapshot) -> None:
        """Lay out the paths of all models and versions in the snapshot."""
        routes: dict[bytes, Target] = {}
        for model in snapshot.models.values():
            for form in Form:
                base = f"/v2/models/{model.name}"
                routes[f"{base}/{form.value}".encode()] = Target(model.name, None, form)
                for version in model.versions:
                    path = f"{base}/versions/{version}/{form.value}"
                    routes[path.encode()] = Target(model.name, version, form)
        self._express = routes

    async def handle(self, request: Request) -> Reply:
        """Answer one request; raises nothing."""
        target = self._express.get(request.path)
        if target is not None and request.method == b"POST":
            return await self._pipeline.infer(target, request.headers, request.body)
        try:
            return await self._flask.handle(request)
        except Exception as error:  # noqa: BLE001 - outermost edge of the server
            _log.error("unforeseen_failure", exc_info=error)
            return error_reply(ControlError("Seawall failed on this request"), new_request_id())
