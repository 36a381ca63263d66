"""``/admin/v1/models/{m}/cache``: the answers that gateways hold, shown and purged."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import answer, answer_nothing, new_api
from control.controller.admin.faults import refusals
from control.controller.admin.fields import QueryVersion, Reason
from control.controller.admin.gate import act
from control.controller.admin.models_api import ModelPath
from control.controller.guards import GuardWatch
from control.controller.order_desk import OrderDesk
from control.core.orders import Target
from control.core.protection import Override
from control.link.events import VersionGuards

_CACHE: Final = "/models/<model>/cache"


class PurgeTarget(BaseModel):
    """Whose answers are forgotten."""

    version: QueryVersion = None
    reason: Reason = ""


class CacheNow(BaseModel):
    """The cache of one gateway process at this moment."""

    gateway: str
    entries: int = Field(description="Answers that it holds.")
    bytes: int = Field(description="What they take.")
    hits: int = Field(description="Requests that were answered from it.")
    misses: int = Field(description="Requests that found nothing.")
    shared: int = Field(description="Requests that got the answer to an identical one in flight.")


class VersionCache(BaseModel):
    """The cached answers of one version."""

    version: int
    deterministic: bool = Field(description="Whether its contract says that it is.")
    contract: dict[str, Any] | None = Field(
        description="The part `cache` of its contract file; null where nothing is cached."
    )
    purges: int = Field(description="How often it has been purged, with its model or alone.")
    gateways: list[CacheNow] = Field(description="Those that have looked into their cache for it.")


class ModelCache(BaseModel):
    """The cached answers of a model."""

    model: str
    versions: list[VersionCache]


def cache_api(desk: OrderDesk, guards: GuardWatch) -> APIBlueprint:
    """Make the part."""
    api = new_api("cache", "The cached answers of a model.")
    found = {200: ModelCache, **refusals(404)}

    @api.get(_CACHE, operation_id="show_cache", summary="Show caches", responses=found)
    def _show(path: ModelPath) -> Response:
        return answer(_read(desk, guards, path.model))

    purged = {204: None, **refusals(404)}

    @api.delete(
        _CACHE, operation_id="purge_cache", summary="Forget cached answers", responses=purged
    )
    def _purge(path: ModelPath, query: PurgeTarget) -> Response:
        target = Target(path.model, query.version)
        desk.give(act(query.reason), "cache_purged", target, _purged)
        return answer_nothing()

    return api


def _purged(order: Override) -> Override:
    return replace(order, cache_epoch=order.cache_epoch + 1)


def _read(desk: OrderDesk, guards: GuardWatch, model: str) -> ModelCache:
    return ModelCache(
        model=model,
        versions=[
            VersionCache(
                version=one.version,
                deterministic=one.contract.get("deterministic", False),
                contract=one.contract.get("cache"),
                purges=one.in_force.cache_epoch,
                gateways=_now(guards.of_version(model, one.version)),
            )
            for one in desk.show(model).versions
        ],
    )


def _now(statuses: Mapping[str, VersionGuards]) -> list[CacheNow]:
    return [
        CacheNow(gateway=gateway, **msgspec.structs.asdict(one.cache))
        for gateway, one in statuses.items()
        if one.cache is not None
    ]
