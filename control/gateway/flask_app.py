"""The data plane's URL map: every Triton HTTP endpoint that Seawall serves or refuses."""

import time

from flask import Flask, Response, g, request

from control.errors import Forbidden
from control.gateway.assembly import Gateway
from control.gateway.bridge import Bridge
from control.gateway.identify import Identifier
from control.gateway.infer_views import register_infer_views
from control.gateway.metadata_views import register_metadata_views
from control.http.flask_replies import answer_faults

#: Open to everybody: orchestrators ask without credentials.
_OPEN = frozenset({"/v2/health/live", "/v2/health/ready"})

_FORBIDDEN = (
    "/v2/repository/models/<model>/load",
    "/v2/repository/models/<model>/unload",
    "/v2/systemsharedmemory/<path:_rest>",
    "/v2/cudasharedmemory/<path:_rest>",
    "/v2/logging",
    "/v2/trace/setting",
    "/v2/models/<model>/trace/setting",
)


def create_app(gateway: Gateway, bridge: Bridge) -> Flask:
    """Build the application over a running gateway; views reach its event loop by ``bridge``."""
    app = Flask("seawall", static_folder=None)
    app.url_map.merge_slashes = False  # no redirects: inference clients follow none
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.before_request(lambda: _identify(gateway.identifier))
    register_metadata_views(app, gateway, bridge)
    register_infer_views(app, gateway, bridge)
    for rule in _FORBIDDEN:
        app.add_url_rule(rule, f"forbidden {rule}", _forbidden, methods=["GET", "POST"])
    answer_faults(app)
    return app


def _identify(identifier: Identifier) -> None:
    """Find out who asks, before anything is answered; the pipeline does it for inference."""
    rule = request.url_rule
    if rule is not None and (rule.rule in _OPEN or rule.endpoint.startswith("infer ")):
        return
    given = request.headers.get("authorization")
    headers = {} if given is None else {b"authorization": given.encode("latin-1", "replace")}
    g.caller = identifier.identify(headers, time.time())


def _forbidden(**_parts: str) -> Response:
    message = "this endpoint changes the server or its memory, and is not open through Seawall"
    raise Forbidden(message)
