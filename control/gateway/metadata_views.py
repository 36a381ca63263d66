"""Health, metadata, config, statistics and the repository index, as Flask views."""

from collections.abc import Callable

import orjson
from flask import Flask, Response, g

from control.core.access import Identity, may_see, may_see_all
from control.core.snapshot import Missing, NotReady, Snapshot, VersionView, choose_version
from control.core.versions import parse_version
from control.errors import ModelNotFound, UpstreamUnavailable
from control.gateway.assembly import Gateway
from control.gateway.bridge import Bridge
from control.gateway.identify import authorize_sight
from control.gateway.replies_of_triton import classify_refusal
from control.gateway.triton_calls import TritonCalls

#: Triton's own status for "not ready" (2.51); its clients read it so.
_NOT_READY_STATUS = 400
_OK = 200


def register_metadata_views(app: Flask, gateway: Gateway, bridge: Bridge) -> None:
    """Add the views, those of a model with and without a version in the path."""
    views = _Views(gateway, bridge)
    _add(app, "GET", "/v2", views.server_metadata)
    _add(app, "GET", "/v2/health/live", views.live)
    _add(app, "GET", "/v2/health/ready", views.server_ready)
    _add(app, "GET", "/v2/models/stats", views.all_statistics)
    _add(app, "POST", "/v2/repository/index", views.repository_index)
    for prefix in ("/v2/models/<model>", "/v2/models/<model>/versions/<version>"):
        _add(app, "GET", prefix, views.metadata)
        _add(app, "GET", f"{prefix}/ready", views.model_ready)
        _add(app, "GET", f"{prefix}/config", views.config)
        _add(app, "GET", f"{prefix}/stats", views.statistics)


def _add(app: Flask, method: str, rule: str, view: Callable[..., Response]) -> None:
    app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])


class _Views:
    """Answers from the snapshot; only statistics are asked of Triton."""

    def __init__(self, gateway: Gateway, bridge: Bridge) -> None:
        self._gateway = gateway
        self._bridge = bridge

    def live(self) -> Response:
        return _readiness(ready=True, otherwise=b"")

    def server_ready(self) -> Response:
        otherwise = b'{"error":"server is not ready"}'
        return _readiness(ready=self._gateway.is_ready(), otherwise=otherwise)

    def model_ready(self, model: str, version: str | None = None) -> Response:
        authorize_sight(_caller(), model)
        ready = self._gateway.is_model_ready(model, parse_version(version))
        return _readiness(ready=ready, otherwise=b'{"error":"Model version not ready"}')

    def server_metadata(self) -> Response:
        return _json(self._snapshot().server_json)

    def metadata(self, model: str, version: str | None = None) -> Response:
        return _json(self._find(model, version).metadata_json)

    def config(self, model: str, version: str | None = None) -> Response:
        return _json(self._find(model, version).config_json)

    def statistics(self, model: str, version: str | None = None) -> Response:
        view = self._find(model, version)
        pinned = f"/versions/{view.version}" if version is not None else ""
        triton = self._gateway.servers.of(view)
        return _json(self._from_triton(f"/v2/models/{view.model}{pinned}/stats", triton))

    def all_statistics(self) -> Response:
        caller, body = _caller(), self._from_triton("/v2/models/stats", self._gateway.triton)
        if may_see_all(caller):
            return _json(body)
        stats = orjson.loads(body)["model_stats"]
        seen = [one for one in stats if may_see(caller, one["name"])]
        return _json(orjson.dumps({"model_stats": seen}))

    def repository_index(self) -> Response:
        caller, can_answer = _caller(), self._gateway.guards.breakers.is_calling_useful
        entries = [
            {
                "name": view.model,
                "version": str(view.version),
                "state": "READY" if view.ready and can_answer(view) else "UNAVAILABLE",
                **({"reason": view.reason} if view.reason else {}),
            }
            for model in self._snapshot().models.values()
            if may_see(caller, model.name)
            for view in model.versions.values()
        ]
        return _json(orjson.dumps(entries))

    def _from_triton(self, path: str, triton: TritonCalls) -> bytes:
        answer = self._bridge.run(triton.request("GET", path))
        if answer.status != _OK:
            raise classify_refusal(answer.status, bytes(answer.body))
        return bytes(answer.body)

    def _find(self, model: str, version: str | None) -> VersionView:
        """Find a version's documents; one that is loaded but sick still has them."""
        authorize_sight(_caller(), model)
        snapshot = self._snapshot()
        number = parse_version(version)
        match choose_version(snapshot, model, number):
            case VersionView() as view:
                return view
            case Missing(message):
                raise ModelNotFound(message)
            case NotReady(_, known):
                versions = snapshot.models[model].versions
                return known or versions[max(versions) if number is None else number]

    def _snapshot(self) -> Snapshot:
        if not self._gateway.snapshots.filled:
            message = "Seawall does not know Triton's models yet"
            raise UpstreamUnavailable(message, retry_after_s=1)
        return self._gateway.snapshots.current


def _caller() -> Identity:
    caller: Identity = g.caller
    return caller


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status=status, content_type="application/json")


def _readiness(*, ready: bool, otherwise: bytes) -> Response:
    if ready:
        return Response(b"", content_type="text/plain")
    return _json(otherwise, _NOT_READY_STATUS)
