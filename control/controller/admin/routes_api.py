"""``/admin/v1/models/{m}/routes``: which version of a model takes which requests."""

from typing import Self

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import answer, new_api
from control.controller.admin.faults import refusals
from control.controller.admin.models_api import ModelPath
from control.controller.admin.rollouts_api import attended
from control.controller.rollouts.desk import RolloutDesk
from control.core.canary_policy import Sticky, StickyBy
from control.core.routes import CanaryRoute


class Canary(BaseModel):
    """The version that is tried out."""

    rollout: str = Field(description="The attempt's name.")
    version: int
    weight: float = Field(description="Percent of the requests that it answers.")
    shadow: float = Field(description="Percent of the requests that it gets copies of.")
    sticky: str = Field(
        description="What decides a request's track: `request_id`, `request`, `tenant`, or"
        " `header:` with the header's name."
    )

    @classmethod
    def of(cls, one: CanaryRoute) -> Self:
        """Show a canary."""
        return cls(
            rollout=one.rollout,
            version=one.version,
            weight=one.weight,
            shadow=one.shadow,
            sticky=_in_words(one.policy.sticky),
        )


class ModelRoutes(BaseModel):
    """Where requests to a model go that name no version."""

    model: str
    stable: int | None = Field(description="Null: the newest ready version of `live`.")
    previous: int | None = Field(description="Kept loaded for a rollback; null where none is.")
    live: list[int] = Field(description="Versions that are served for good.")
    canary: Canary | None = Field(description="Null where none is tried out.")


def routes_api(desk: RolloutDesk | None) -> APIBlueprint:
    """Make the part; without a desk every request to it is refused."""
    api = new_api("routes", "Which version takes which requests.")

    @api.get(
        "/models/<model>/routes",
        operation_id="show_routes",
        summary="Show a model's routes",
        responses={200: ModelRoutes, **refusals(404, 409)},
    )
    def _show(path: ModelPath) -> Response:
        return answer(_read(attended(desk), path.model))

    return api


def _read(desk: RolloutDesk, model: str) -> ModelRoutes:
    record, route = desk.show(model), desk.route(model)
    return ModelRoutes(
        model=model,
        stable=route.stable,
        previous=record.previous,
        live=sorted(route.live),
        canary=None if route.canary is None else Canary.of(route.canary),
    )


def _in_words(sticky: Sticky) -> str:
    return f"header:{sticky.header}" if sticky.by is StickyBy.HEADER else sticky.by.value
