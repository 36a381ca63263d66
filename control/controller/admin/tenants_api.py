"""``/admin/v1/tenants``: what tenants there are, and their quotas."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import answer, answer_nothing, new_api
from control.controller.admin.faults import refusals
from control.controller.admin.fields import QuotaDocument, TenantName
from control.controller.admin.gate import act, caller
from control.errors import EndpointNotFound
from control.observability.logs import get_logger
from control.state.quotas import QuotaStore
from control.state.store import StateStore

_QUOTA: Final = "/tenants/<tenant>/quota"

_log = get_logger("admin")


class TenantPath(BaseModel):
    """The tenant that a path names."""

    tenant: TenantName


class Tenant(BaseModel):
    """One tenant."""

    tenant: str
    tokens: int = Field(description="API tokens of the tenant that are not revoked.")
    quota: QuotaDocument | None = Field(description="Null where none is set.")


class Tenants(BaseModel):
    """Every tenant that has API tokens or a quota, by name."""

    tenants: list[Tenant]


def tenants_api(store: StateStore, take_effect: Callable[[], None]) -> APIBlueprint:
    """Make the part; ``take_effect`` is called after each change of ``store``."""
    api = new_api("tenants", "Tenants and their quotas.")
    _add_reading(api, store)
    _add_changing(api, store.quotas, take_effect)
    return api


def _add_reading(api: APIBlueprint, store: StateStore) -> None:
    @api.get(
        "/tenants", operation_id="list_tenants", summary="List tenants", responses={200: Tenants}
    )
    def _list() -> Response:
        return answer(_read(store))

    found = {200: QuotaDocument, **refusals(404)}

    @api.get(_QUOTA, operation_id="show_quota", summary="Show a quota", responses=found)
    def _show(path: TenantPath) -> Response:
        quota = store.quotas.load(path.tenant)
        if quota is None:
            raise _none(path.tenant)
        return answer(QuotaDocument.of(quota))


def _add_changing(api: APIBlueprint, quotas: QuotaStore, take_effect: Callable[[], None]) -> None:
    @api.put(
        _QUOTA, operation_id="set_quota", summary="Set a quota", responses={200: QuotaDocument}
    )
    def _set(path: TenantPath, body: QuotaDocument) -> Response:
        quotas.save(path.tenant, body.quota(), act())
        take_effect()
        _log.info("quota_set", tenant=path.tenant, **body.model_dump(), by=caller().subject)
        return answer(body)

    removed = {204: None, **refusals(404)}

    @api.delete(_QUOTA, operation_id="remove_quota", summary="Remove a quota", responses=removed)
    def _remove(path: TenantPath) -> Response:
        if not quotas.remove(path.tenant, act()):
            raise _none(path.tenant)
        take_effect()
        _log.info("quota_removed", tenant=path.tenant, by=caller().subject)
        return answer_nothing()


def _read(store: StateStore) -> Tenants:
    quotas = store.quotas.load_all()
    tokens = Counter(kept.record.tenant for kept in store.tokens.load_all())
    return Tenants(
        tenants=[
            Tenant(
                tenant=name,
                tokens=tokens[name],
                quota=QuotaDocument.of(quotas[name]) if name in quotas else None,
            )
            for name in sorted({*quotas, *tokens})
        ]
    )


def _none(tenant: str) -> EndpointNotFound:
    return EndpointNotFound(f"tenant '{tenant}' has no quota")
