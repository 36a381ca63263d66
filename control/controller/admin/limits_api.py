"""``/admin/v1/models/{m}/limits``: what limits each version, and what is ordered instead."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Self

import msgspec
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from control.controller.admin.api import answer, answer_nothing, new_api
from control.controller.admin.faults import refusals
from control.controller.admin.fields import WHOLE, BodyVersion, Document, QueryVersion, Reason
from control.controller.admin.gate import act
from control.controller.admin.models_api import ModelPath
from control.controller.guards import GuardWatch
from control.controller.order_desk import OrderDesk
from control.core.orders import Target
from control.core.protection import Override
from control.errors import EndpointNotFound
from control.link.events import VersionGuards

_LIMITS: Final = "/models/<model>/limits"

# The ranges are those of ``contract.yaml``.
InFlight = Annotated[int, Field(ge=1, le=100_000), WHOLE] | None
QueueSize = Annotated[int, Field(ge=0, le=1_000_000), WHOLE] | None
Milliseconds = Annotated[int, Field(ge=1, le=3_600_000), WHOLE] | None


class OrderedLimits(Document):
    """Limits that are ordered in the place of the contract's; null orders nothing."""

    concurrency: InFlight = Field(None, description="Requests in flight: a fixed limit.")
    max_concurrency: InFlight = Field(
        None, description="Requests in flight: the greatest limit that may be found."
    )
    max_queue_size: QueueSize = Field(None, description="Requests that wait; 0 lets none wait.")
    deadline_ms: Milliseconds = Field(None, description="Of requests that name no deadline.")

    @classmethod
    def of(cls, order: Override) -> Self:
        """Show the limits of an order."""
        return cls(
            concurrency=order.concurrency,
            max_concurrency=order.max_concurrency,
            max_queue_size=order.max_queue_size,
            deadline_ms=order.deadline_ms,
        )

    def put_into(self, order: Override) -> Override:
        """Put these limits in the place of those of an order."""
        return replace(
            order,
            concurrency=self.concurrency,
            max_concurrency=self.max_concurrency,
            max_queue_size=self.max_queue_size,
            deadline_ms=self.deadline_ms,
        )


class NewLimits(OrderedLimits):
    """The limits that are ordered, whole: what is not given is not ordered any longer."""

    version: BodyVersion = None
    reason: Reason = ""


class LimitsTarget(BaseModel):
    """What an order is taken back from."""

    version: QueryVersion = None
    reason: Reason = ""


class LimitsOrder(BaseModel):
    """The order on a model, or on one version of it."""

    model: str
    version: int | None = Field(description="Null is all versions.")
    limits: OrderedLimits


class MemoryNow(BaseModel):
    """The memory that requests may use."""

    model_config = ConfigDict(from_attributes=True)

    budget_bytes: int | None = Field(description="Null is no bound.")
    reserved_bytes: int = Field(description="By the requests that are in flight.")
    used_bytes: int | None = Field(description="By all, as measured last; null where unknown.")


class LimitsNow(BaseModel):
    """One gateway process at this moment."""

    gateway: str
    limit: int = Field(description="Requests in flight at most, as found or as fixed.")
    in_flight: int
    queued: int
    shed: dict[str, int] = Field(description="Requests that got no place, by reason.")
    rtt_ms: float | None = Field(
        description="How long Triton takes for one, in milliseconds; null before the first answer."
    )
    queue_ms: float | None = Field(
        description="How long of that it waits in Triton's own queue; null where unknown."
    )
    useful_batch: float | None = Field(
        description="Rows beyond which a larger batch is no faster; null where unknown."
    )
    memory: MemoryNow | None = Field(description="Null where no use of memory is predicted.")


class VersionLimits(BaseModel):
    """The limits of one version."""

    version: int
    contract: dict[str, Any] | None = Field(
        description="The part `limits` of its contract file; null without one."
    )
    order: OrderedLimits = Field(description="What is ordered of this version alone.")
    in_force: OrderedLimits = Field(description="Its own order over the one on the model.")
    gateways: list[LimitsNow] = Field(description="Those that have had a request for it.")


class ModelLimits(BaseModel):
    """The limits of a model."""

    model: str
    order: OrderedLimits = Field(description="What is ordered of all versions.")
    versions: list[VersionLimits]


def limits_api(desk: OrderDesk, guards: GuardWatch) -> APIBlueprint:
    """Make the part."""
    api = new_api("limits", "What limits the requests to a model.")
    found = {200: ModelLimits, **refusals(404)}

    @api.get(_LIMITS, operation_id="show_limits", summary="Show limits", responses=found)
    def _show(path: ModelPath) -> Response:
        return answer(_read(desk, guards, path.model))

    _add_changing(api, desk)
    return api


def _add_changing(api: APIBlueprint, desk: OrderDesk) -> None:
    ordered = {200: LimitsOrder, **refusals(404)}

    @api.put(_LIMITS, operation_id="order_limits", summary="Order limits", responses=ordered)
    def _order(path: ModelPath, body: NewLimits) -> Response:
        target = Target(path.model, body.version)
        given = desk.give(act(body.reason), "limits_ordered", target, body.put_into)
        shown = OrderedLimits.of(given)
        return answer(LimitsOrder(model=path.model, version=body.version, limits=shown))

    gone = {204: None, **refusals(404)}

    @api.delete(
        _LIMITS, operation_id="take_limits_back", summary="Take limits back", responses=gone
    )
    def _take_back(path: ModelPath, query: LimitsTarget) -> Response:
        target = Target(path.model, query.version)

        def without(order: Override) -> Override:
            after = OrderedLimits().put_into(order)
            if after == order:
                message = f"no limits are ordered of {target.in_words}"
                raise EndpointNotFound(message)
            return after

        desk.give(act(query.reason), "limits_taken_back", target, without)
        return answer_nothing()


def _read(desk: OrderDesk, guards: GuardWatch, model: str) -> ModelLimits:
    orders = desk.show(model)
    return ModelLimits(
        model=model,
        order=OrderedLimits.of(orders.whole),
        versions=[
            VersionLimits(
                version=one.version,
                contract=one.contract.get("limits"),
                order=OrderedLimits.of(one.own),
                in_force=OrderedLimits.of(one.in_force),
                gateways=_now(guards.of_version(model, one.version)),
            )
            for one in orders.versions
        ],
    )


def _now(statuses: Mapping[str, VersionGuards]) -> list[LimitsNow]:
    return [
        LimitsNow(
            gateway=gateway,
            **msgspec.structs.asdict(one.admission),
            memory=MemoryNow.model_validate(one.memory) if one.memory else None,
        )
        for gateway, one in statuses.items()
        if one.admission is not None
    ]
