"""The inference endpoints as Flask views: the same pipeline as the express lane, by the bridge."""

from functools import partial

from flask import Flask, Response, request

from control.core.versions import parse_version
from control.gateway.assembly import Gateway
from control.gateway.bridge import Bridge
from control.gateway.target import Form, Target
from control.http.flask_replies import to_response


def register_infer_views(app: Flask, gateway: Gateway, bridge: Bridge) -> None:
    """Add ``/infer``, ``/generate`` and ``/generate_stream``, with and without a version."""
    for form in Form:
        view = partial(_infer, gateway=gateway, bridge=bridge, form=form)
        for prefix in ("/v2/models/<model>", "/v2/models/<model>/versions/<version>"):
            rule = f"{prefix}/{form.value}"
            app.add_url_rule(rule, f"infer {rule}", view, methods=["POST"])


def _infer(
    *, gateway: Gateway, bridge: Bridge, form: Form, model: str, version: str | None = None
) -> Response:
    target = Target(model, parse_version(version), form)
    headers = {
        name.lower().encode("latin-1"): value.encode("latin-1") for name, value in request.headers
    }
    body = request.get_data(cache=False)
    return to_response(bridge.run(gateway.pipeline.infer(target, headers, body)))
