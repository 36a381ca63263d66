"""``/admin/v1/models/{m}/breaker``: the breaker of each version, and what is ordered of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal, Self

import msgspec
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import answer, new_api
from control.controller.admin.faults import refusals
from control.controller.admin.fields import BodyVersion, Document, Reason
from control.controller.admin.gate import act
from control.controller.admin.models_api import ModelPath
from control.controller.guards import GuardWatch
from control.controller.order_desk import OrderDesk
from control.core.orders import Target
from control.core.protection import BreakerMode, Override
from control.errors import StateConflict
from control.link.events import VersionGuards

_BREAKER: Final = "/models/<model>/breaker"

Mode = Literal["automatic", "forced_open", "disabled", "metrics_only"]


class NewMode(Document):
    """How a breaker is to work from now on."""

    version: BodyVersion = None
    mode: Mode = Field(
        description="`automatic` opens and closes by itself, `forced_open` refuses every call,"
        " `disabled` lets all calls pass, `metrics_only` too but goes on counting."
    )
    reason: Reason = ""


class NewBeginning(Document):
    """Which breaker forgets its past."""

    version: BodyVersion = None
    reason: Reason = ""


class BreakerOrder(BaseModel):
    """The order on a model, or on one version of it."""

    model: str
    version: int | None = Field(description="Null is all versions.")
    mode: Mode
    resets: int = Field(description="How often it has been reset.")

    @classmethod
    def of(cls, target: Target, order: Override) -> Self:
        """Show an order."""
        return cls(
            model=target.model,
            version=target.version,
            mode=order.breaker.value,
            resets=order.breaker_epoch,
        )


class BreakerNow(BaseModel):
    """The breaker of one gateway process at this moment."""

    gateway: str
    state: str
    failure_rate_percent: float | None = Field(description="Null where nothing was counted.")
    slow_call_rate_percent: float | None = Field(description="Null where nothing was counted.")
    calls: int = Field(description="Calls that the rates are taken from.")
    retry_after_s: float = Field(description="Until it is tried again; 0 where calls may pass.")
    reason: str = Field(description="Why it last changed; empty where it never has.")


class VersionBreaker(BaseModel):
    """The breaker of one version."""

    version: int
    contract: dict[str, Any] | None = Field(
        description="The part `breaker` of its contract file; null without one."
    )
    mode: Mode = Field(description="What is ordered of this version alone.")
    mode_in_force: Mode = Field(description="Its own order over the one on the model.")
    gateways: list[BreakerNow] = Field(description="Those that have had a request for it.")


class ModelBreaker(BaseModel):
    """The breakers of a model."""

    model: str
    mode: Mode = Field(description="What is ordered of all versions.")
    versions: list[VersionBreaker]


def breaker_api(desk: OrderDesk, guards: GuardWatch) -> APIBlueprint:
    """Make the part."""
    api = new_api("breaker", "The circuit breakers of a model.")
    found = {200: ModelBreaker, **refusals(404)}

    @api.get(_BREAKER, operation_id="show_breaker", summary="Show breakers", responses=found)
    def _show(path: ModelPath) -> Response:
        return answer(_read(desk, guards, path.model))

    _add_changing(api, desk)
    return api


def _add_changing(api: APIBlueprint, desk: OrderDesk) -> None:
    ordered = {200: BreakerOrder, **refusals(404, 409)}

    @api.put(_BREAKER, operation_id="order_breaker", summary="Order a mode", responses=ordered)
    def _order(path: ModelPath, body: NewMode) -> Response:
        target, mode = Target(path.model, body.version), BreakerMode(body.mode)
        _check(desk, target, mode)
        given = desk.give(
            act(body.reason), "breaker_ordered", target, lambda order: replace(order, breaker=mode)
        )
        return answer(BreakerOrder.of(target, given))

    @api.post(
        f"{_BREAKER}/reset",
        operation_id="reset_breaker",
        summary="Reset a breaker",
        responses=ordered,
    )
    def _reset(path: ModelPath, body: NewBeginning) -> Response:
        target = Target(path.model, body.version)
        _check(desk, target, BreakerMode.AUTOMATIC)
        return answer(
            BreakerOrder.of(target, desk.give(act(body.reason), "breaker_reset", target, _reset_by))
        )


def _reset_by(order: Override) -> Override:
    return replace(order, breaker=BreakerMode.AUTOMATIC, breaker_epoch=order.breaker_epoch + 1)


def _check(desk: OrderDesk, target: Target, mode: BreakerMode) -> None:
    """Raise StateConflict where a version is to be automatic and its whole model is not."""
    if target.version is None or mode is not BreakerMode.AUTOMATIC:
        return
    whole = desk.show(target.model).whole.breaker
    if whole is not BreakerMode.AUTOMATIC:
        message = (
            f"{whole.value} is ordered of all versions of model '{target.model}': version"
            f" {target.version} alone cannot be automatic"
        )
        raise StateConflict(message)


def _read(desk: OrderDesk, guards: GuardWatch, model: str) -> ModelBreaker:
    orders = desk.show(model)
    return ModelBreaker(
        model=model,
        mode=orders.whole.breaker.value,
        versions=[
            VersionBreaker(
                version=one.version,
                contract=one.contract.get("breaker"),
                mode=one.own.breaker.value,
                mode_in_force=one.in_force.breaker.value,
                gateways=_now(guards.of_version(model, one.version)),
            )
            for one in orders.versions
        ],
    )


def _now(statuses: Mapping[str, VersionGuards]) -> list[BreakerNow]:
    return [
        BreakerNow(gateway=gateway, **msgspec.structs.asdict(one.breaker))
        for gateway, one in statuses.items()
        if one.breaker is not None
    ]
