"""The admin API as a Flask application, with its OpenAPI document made from its models."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Response
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from sqlalchemy import create_engine

import control
from control.controller.admin.api import PREFIX
from control.controller.admin.audit_api import audit_api
from control.controller.admin.breaker_api import breaker_api
from control.controller.admin.cache_api import cache_api
from control.controller.admin.events_api import events_api
from control.controller.admin.faults import Fault, refuse_input
from control.controller.admin.gate import AdminGate
from control.controller.admin.limits_api import limits_api
from control.controller.admin.models_api import models_api
from control.controller.admin.proposals_api import proposals_api
from control.controller.admin.requests import AdminRequest
from control.controller.admin.rollouts_api import rollouts_api
from control.controller.admin.routes_api import routes_api
from control.controller.admin.status_api import status_api
from control.controller.admin.tenants_api import tenants_api
from control.controller.admin.tokens_api import tokens_api
from control.controller.contract_proposals import ContractProposals
from control.controller.directive_source import DirectiveSource
from control.controller.event_stream import EventStream
from control.controller.guards import GuardWatch
from control.controller.learning import LearnedTraffic
from control.controller.loop import ControllerState
from control.controller.order_desk import OrderDesk
from control.controller.rollouts.desk import RolloutDesk
from control.http.flask_replies import answer_faults
from control.identity.jwks_file import JwksFile
from control.identity.jwt_tokens import JwtRules
from control.state.store import StateStore

_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API token or a JWT: with the scope read or admin to read, admin to change.",
}


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the admin API shows and changes; ``rollouts`` None is an external Triton."""

    state: ControllerState
    store: StateStore
    directives: DirectiveSource
    gate: AdminGate
    learned: LearnedTraffic = field(default_factory=LearnedTraffic)
    repository: Path = Path("model_repository")
    guards: GuardWatch = field(default_factory=GuardWatch)
    rollouts: RolloutDesk | None = None
    events: EventStream = field(default_factory=EventStream)


def create_admin_app(parts: AdminParts) -> OpenAPI:
    """Build the application. A new part of the API is one more ``register_api``."""
    app = OpenAPI(
        "seawall-admin",
        info=Info(title="Seawall admin API", version=control.__version__),
        security_schemes={"bearer": _BEARER},
        openapi_extensions={"security": [{"bearer": []}]},
        validation_error_model=Fault,
        validation_error_callback=refuse_input,
        doc_ui=False,
        static_folder=None,
    )
    app.request_class = AdminRequest
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    answer_faults(app)
    app.before_request(parts.gate.check)
    app.after_request(_forbid_caching)
    take_effect = parts.directives.take_effect
    app.register_api(status_api(parts.state, parts.directives))
    app.register_api(models_api(parts.state))
    app.register_api(tokens_api(parts.store.tokens, take_effect))
    app.register_api(tenants_api(parts.store, take_effect))
    proposals = ContractProposals(parts.state, parts.learned, parts.repository)
    app.register_api(proposals_api(proposals))
    desk = OrderDesk(parts.state, parts.store.orders, take_effect)
    app.register_api(limits_api(desk, parts.guards))
    app.register_api(breaker_api(desk, parts.guards))
    app.register_api(cache_api(desk, parts.guards))
    app.register_api(rollouts_api(parts.rollouts))
    app.register_api(routes_api(parts.rollouts))
    app.register_api(events_api(parts.events))
    app.register_api(audit_api(parts.store.audit))
    app.add_url_rule(f"{PREFIX}/openapi.json", "openapi", lambda: app.api_doc)
    return app


def describe_admin_api() -> dict[str, Any]:
    """Give the OpenAPI document, without anything running."""
    store = StateStore(create_engine("sqlite://"))
    source = DirectiveSource(store, JwksFile(None), None)
    parts = AdminParts(ControllerState(), store, source, AdminGate(JwtRules()))
    document: dict[str, Any] = create_admin_app(parts).api_doc
    return document


def _forbid_caching(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
