"""``/admin/v1/status``: the whole of Seawall at one glance."""

import time

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

import control
from control.controller.admin.api import answer, new_api
from control.controller.directive_source import DirectiveSource
from control.controller.loop import ControllerState


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


class AccessStatus(BaseModel):
    """What access is decided by."""

    tokens: int = Field(description="API tokens that gateways know, the operator's included.")
    tenants: int = Field(description="Tenants with a quota.")
    jwt_keys: int = Field(description="Keys that may sign JWTs; 0 accepts none.")
    jwks_fault: str = Field(description="Why the JWKS file is not used; empty when it is.")


class Status(BaseModel):
    """The whole of Seawall at one glance."""

    version: str = Field(description="Seawall's own version.")
    uptime_seconds: float = Field(description="Age of the controller process.")
    revision: int = Field(description="Revision of the last snapshot; 0 before the first.")
    gateways: int = Field(description="Gateway workers that follow the snapshots.")
    triton: TritonStatus
    access: AccessStatus
    models: list[VersionStatus]


def status_api(state: ControllerState, source: DirectiveSource) -> APIBlueprint:
    """Make the part; it only reads ``state`` and ``source``."""
    api = new_api("status", "What runs, and what does not.")

    @api.get(
        "/status",
        operation_id="show_status",
        summary="Show the state of Seawall",
        responses={200: Status},
    )
    def _status() -> Response:
        return answer(_read(state, source))

    return api


def _read(state: ControllerState, source: DirectiveSource) -> Status:
    access = source.current().access
    return Status(
        version=control.__version__,
        uptime_seconds=round(time.monotonic() - state.started_s, 3),
        revision=state.revision,
        gateways=state.gateways,
        triton=TritonStatus(up=state.triton_up, reason=state.triton_reason),
        access=AccessStatus(
            tokens=len(access.tokens),
            tenants=len(access.tenants),
            jwt_keys=source.jwks.keys.count,
            jwks_fault=source.jwks.fault,
        ),
        models=[
            VersionStatus(model=one.model, version=one.version, ready=one.ready, reason=one.reason)
            for one in state.versions
        ],
    )
