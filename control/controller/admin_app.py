"""The admin API: ``/admin/v1``, with its OpenAPI document made from the models below."""

import time

from flask import Response
from flask_openapi3 import Info, OpenAPI  # type: ignore[attr-defined]
from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException

import control
from control.controller.loop import ControllerState
from control.errors import ControlError, EndpointNotFound, MethodNotAllowed
from control.gateway.responses import to_response
from control.http.error_reply import error_reply, new_request_id


class TritonStatus(BaseModel):
    """The tritonserver behind Seawall."""

    up: bool = Field(description="Whether it answers management calls.")
    reason: str = Field(description="Why not; empty when it is up.")


class VersionStatus(BaseModel):
    """One version of a model."""

    model: str
    version: int
    ready: bool = Field(description="Whether it answers: loaded, and its processes live.")
    reason: str = Field(description="Why it is not ready; empty when it is.")


class Status(BaseModel):
    """The whole of Seawall at one glance."""

    version: str = Field(description="Seawall's own version.")
    uptime_seconds: float = Field(description="Age of the controller process.")
    revision: int = Field(description="Revision of the last snapshot; 0 before the first.")
    gateways: int = Field(description="Gateway workers that follow the snapshots.")
    triton: TritonStatus
    models: list[VersionStatus]


def create_admin_app(state: ControllerState) -> OpenAPI:
    """Build the application; views only read ``state``."""
    info = Info(title="Seawall admin API", version=control.__version__)
    app = OpenAPI("seawall-admin", info=info, doc_ui=False, static_folder=None)
    app.register_error_handler(HTTPException, _answer_http_error)

    @app.get("/admin/v1/status", summary="Show the state of Seawall", responses={200: Status})
    def _status() -> Response:
        return Response(_read_status(state).model_dump_json(), content_type="application/json")

    app.add_url_rule("/admin/v1/openapi.json", "openapi", lambda: app.api_doc)
    return app


def _read_status(state: ControllerState) -> Status:
    return Status(
        version=control.__version__,
        uptime_seconds=round(time.monotonic() - state.started_s, 3),
        revision=state.revision,
        gateways=state.gateways,
        triton=TritonStatus(up=state.triton_up, reason=state.triton_reason),
        models=[
            VersionStatus(model=one.model, version=one.version, ready=one.ready, reason=one.reason)
            for one in state.versions
        ],
    )


def _answer_http_error(error: HTTPException) -> Response:
    ours: ControlError
    match error.code:
        case 404:
            ours = EndpointNotFound("no such endpoint")
        case 405:
            ours = MethodNotAllowed("this method is not allowed here")
        case _:
            ours = ControlError(error.description or error.name, status=error.code)
    return to_response(error_reply(ours, new_request_id()))
