"""Which lane a request takes: known inference routes go express, everything else to Flask."""

from control.core.snapshot import Snapshot
from control.errors import EndpointNotFound
from control.gateway.pipeline import Pipeline
from control.gateway.target import Form, Target
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Reply, Request
from control.http.wsgi import WsgiLane


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
        """Answer one request; raises what the Flask application could not answer for."""
        target = self._express.get(request.path)
        if target is not None and request.method == b"POST":
            return await self._pipeline.infer(target, request.headers, request.body)
        if request.path.startswith(b"//") or b"%2f" in request.path.lower():
            # Flask would take these for plain slashes; rules on paths in a proxy before us do not.
            return error_reply(EndpointNotFound("no such endpoint"), new_request_id())
        return await self._flask.handle(request)
