"""``/admin/v1/tokens``: API tokens are made, shown without their secrets, and revoked."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, Self

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import answer, answer_nothing, new_api
from control.controller.admin.faults import refusals
from control.controller.admin.fields import (
    WHOLE,
    Document,
    QuotaDocument,
    Scope,
    TenantName,
    TokenName,
    moment,
)
from control.controller.admin.gate import act, caller
from control.core.access import NO_QUOTA, TokenRecord
from control.errors import EndpointNotFound
from control.identity.tokens import MintedToken, mint_token
from control.observability.logs import get_logger
from control.state.tokens import KeptToken, TokenStore

_ALL: Final = "/tokens"
_ONE: Final = "/tokens/<token_id>"
_MAX_LIFE_S: Final = 10 * 366 * 86_400

Lifetime = Annotated[int, Field(ge=1, le=_MAX_LIFE_S), WHOLE]

_log = get_logger("admin")


class TokenPath(BaseModel):
    """The token that a path names."""

    token_id: str = Field(pattern="^[0-9a-f]{8,64}$", description="The token's public id.")


class NewToken(Document):
    """The token that is wanted."""

    name: TokenName
    tenant: TenantName
    scopes: list[Scope] = Field(min_length=1, max_length=64)
    expires_in_seconds: Lifetime | None = Field(None, description="From now on; null is never.")
    quota: QuotaDocument | None = Field(None, description="The token's own; null is no limit.")


class Token(BaseModel):
    """A token, without its secret."""

    token_id: str
    name: str
    tenant: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None = Field(description="Null is never.")
    expired: bool
    quota: QuotaDocument

    @classmethod
    def of(cls, kept: KeptToken, now_s: float) -> Self:
        """Show a token as it stands at ``now_s``."""
        record = kept.record
        expires_s = record.expires_s
        return cls(
            token_id=record.token_id,
            name=record.name,
            tenant=record.tenant,
            scopes=sorted(record.scopes),
            created_at=moment(kept.created_s),
            expires_at=None if expires_s is None else moment(expires_s),
            expired=expires_s is not None and expires_s <= now_s,
            quota=QuotaDocument.of(record.quota),
        )


class CreatedToken(BaseModel):
    """A token that was just made. ``token`` is shown here once, and never again."""

    token: str = Field(description="The secret text that clients send as their bearer token.")
    about: Token


class Tokens(BaseModel):
    """All tokens that are not revoked, oldest first."""

    tokens: list[Token]


def tokens_api(store: TokenStore, take_effect: Callable[[], None]) -> APIBlueprint:
    """Make the part; ``take_effect`` is called after each change of ``store``."""
    api = new_api("tokens", "API tokens.")
    _add_reading(api, store)
    _add_changing(api, store, take_effect)
    return api


def _add_reading(api: APIBlueprint, store: TokenStore) -> None:
    @api.get(_ALL, operation_id="list_tokens", summary="List tokens", responses={200: Tokens})
    def _list() -> Response:
        now_s = time.time()
        return answer(Tokens(tokens=[Token.of(kept, now_s) for kept in store.load_all()]))

    found = {200: Token, **refusals(404)}

    @api.get(_ONE, operation_id="show_token", summary="Show a token", responses=found)
    def _show(path: TokenPath) -> Response:
        kept = store.load(path.token_id)
        if kept is None:
            raise _unknown(path.token_id)
        return answer(Token.of(kept, time.time()))


def _add_changing(api: APIBlueprint, store: TokenStore, take_effect: Callable[[], None]) -> None:
    created = {201: CreatedToken, **refusals(409)}

    @api.post(_ALL, operation_id="create_token", summary="Make a token", responses=created)
    def _create(body: NewToken) -> Response:
        minted, now_s = mint_token(), time.time()
        kept = KeptToken(_record(body, minted, now_s), now_s)
        store.add(kept, act())
        take_effect()
        about = Token.of(kept, now_s)
        facts = about.model_dump(include={"token_id", "name", "tenant", "scopes"})
        _log.info("token_created", **facts, by=caller().subject)
        return answer(CreatedToken(token=minted.text, about=about), 201)

    revoked = {204: None, **refusals(404)}

    @api.delete(_ONE, operation_id="revoke_token", summary="Revoke a token", responses=revoked)
    def _revoke(path: TokenPath) -> Response:
        if not store.revoke(path.token_id, act()):
            raise _unknown(path.token_id)
        take_effect()
        _log.info("token_revoked", token_id=path.token_id, by=caller().subject)
        return answer_nothing()


def _record(wanted: NewToken, minted: MintedToken, now_s: float) -> TokenRecord:
    life_s = wanted.expires_in_seconds
    return TokenRecord(
        token_id=minted.token_id,
        digest=minted.digest,
        name=wanted.name,
        tenant=wanted.tenant,
        scopes=frozenset(wanted.scopes),
        expires_s=None if life_s is None else now_s + life_s,
        quota=NO_QUOTA if wanted.quota is None else wanted.quota.quota(),
    )


def _unknown(token_id: str) -> EndpointNotFound:
    return EndpointNotFound(f"there is no token '{token_id}', or it was revoked")
