"""``/admin/v1/models/{m}/rollout``: how versions come to all requests, and orders on that."""

from collections.abc import Callable
from typing import Final

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from control.controller.admin.api import answer, new_api
from control.controller.admin.faults import refusals
from control.controller.admin.gate import act
from control.controller.admin.models_api import ModelPath
from control.controller.admin.rollout_documents import (
    AllRollouts,
    ModelRollout,
    NewRollout,
    NewWeight,
    PastRollout,
    PastRollouts,
    RolloutOrder,
    RolloutPage,
)
from control.controller.rollouts.desk import RolloutDesk
from control.core.rollout_record import ModelRecord
from control.errors import StateConflict
from control.state.audit import Act

_ROLLOUT: Final = "/models/<model>/rollout"
_PROMOTE: Final = "Give the version all requests now; after its bake time: make it live"


def rollouts_api(desk: RolloutDesk | None) -> APIBlueprint:
    """Make the part; without a desk every request to it is refused."""
    api = new_api("rollout", "Versions on their way to all requests.")
    _add_reading(api, desk)
    _add_start(api, desk)
    _add_weight(api, desk)
    _add_order(api, "pause", "Let a rollout stand where it is", desk, RolloutDesk.pause)
    _add_order(api, "resume", "Let a rollout go on by its steps", desk, RolloutDesk.resume)
    _add_order(api, "promote", _PROMOTE, desk, RolloutDesk.promote)
    _add_order(api, "rollback", "Take the version out now", desk, RolloutDesk.rollback)
    return api


def attended(desk: RolloutDesk | None) -> RolloutDesk:
    """Give the desk; raises StateConflict where versions are not Seawall's to roll out."""
    if desk is None:
        message = "version drops need the embedded tritonserver"
        raise StateConflict(message)
    return desk


def _add_reading(api: APIBlueprint, desk: RolloutDesk | None) -> None:
    @api.get(
        "/rollouts",
        operation_id="list_rollouts",
        summary="Show how all models stand",
        responses={200: AllRollouts, **refusals(409)},
    )
    def _list() -> Response:
        one = attended(desk)
        models = [_read(one, one.show(model)) for model in one.models()]
        return answer(AllRollouts(models=models))

    found = {200: ModelRollout, **refusals(404, 409)}

    @api.get(_ROLLOUT, operation_id="show_rollout", summary="Show a rollout", responses=found)
    def _show(path: ModelPath) -> Response:
        one = attended(desk)
        return answer(_read(one, one.show(path.model)))

    @api.get(
        f"{_ROLLOUT}/history",
        operation_id="show_rollout_history",
        summary="Show rollouts that have ended",
        responses={200: PastRollouts, **refusals(404, 409)},
    )
    def _history(path: ModelPath, query: RolloutPage) -> Response:
        found = attended(desk).history(path.model, query.limit)
        return answer(PastRollouts(model=path.model, rollouts=list(map(PastRollout.of, found))))


def _add_start(api: APIBlueprint, desk: RolloutDesk | None) -> None:
    @api.post(
        _ROLLOUT,
        operation_id="start_rollout",
        summary="Roll a version out",
        description="One that waits, or one that has ended before.",
        responses={200: ModelRollout, **refusals(404, 409)},
    )
    def _start(path: ModelPath, body: NewRollout) -> Response:
        one = attended(desk)
        return answer(_read(one, one.start(act(body.reason), path.model, body.version)))


def _add_weight(api: APIBlueprint, desk: RolloutDesk | None) -> None:
    @api.put(
        f"{_ROLLOUT}/weight",
        operation_id="set_rollout_weight",
        summary="Set the canary's weight",
        description="Steps wait until `resume`.",
        responses={200: ModelRollout, **refusals(404, 409)},
    )
    def _set(path: ModelPath, body: NewWeight) -> Response:
        one = attended(desk)
        given = one.set_weight(act(body.reason), path.model, body.weight, body.version)
        return answer(_read(one, given))


def _add_order(
    api: APIBlueprint,
    verb: str,
    summary: str,
    desk: RolloutDesk | None,
    give: Callable[[RolloutDesk, Act, str, int | None], ModelRecord],
) -> None:
    @api.post(
        f"{_ROLLOUT}/{verb}",
        operation_id=f"{verb}_rollout",
        summary=summary,
        responses={200: ModelRollout, **refusals(404, 409)},
        endpoint=verb,
    )
    def _order(path: ModelPath, body: RolloutOrder) -> Response:
        one = attended(desk)
        return answer(_read(one, give(one, act(body.reason), path.model, body.version)))


def _read(desk: RolloutDesk, record: ModelRecord) -> ModelRollout:
    model = record.model
    return ModelRollout.of(record, desk.counts(model), desk.held_up_by(model))
