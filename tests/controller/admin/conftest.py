import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from control.controller.admin.app import AdminParts, create_admin_app
from control.controller.admin.gate import AdminGate
from control.controller.directive_source import DirectiveSource
from control.controller.event_stream import EventStream
from control.controller.guards import GuardWatch
from control.controller.loop import ControllerState
from control.core.access import TokenRecord
from control.identity.jwks_file import JwksFile
from control.identity.jwt_tokens import JwtRules
from control.identity.tokens import mint_token, operator_record
from control.link.messages import VersionMessage
from control.state.audit import Act
from control.state.store import StateStore
from control.state.tokens import KeptToken
from tests.support.jwts import Issuer, jwks
from tests.support.rollouts import Rollouts

ISSUER = Issuer("ES256")


class SoonSource(DirectiveSource):
    """Reads at once what has changed: there is no loop that would do it."""

    def take_effect(self) -> None:
        self._stale = True
        asyncio.run(self.load())


class Admin:
    """The application over a real store, with a client for each token."""

    def __init__(self, directory: Path, state: ControllerState) -> None:
        operator = mint_token()
        keys = directory / "jwks.json"
        keys.write_bytes(jwks(ISSUER))
        self.state = state
        self.operator = operator.text
        self.store = StateStore.open("", directory / "seawall.db")
        self.source = SoonSource(self.store, JwksFile(keys), operator_record(operator))
        gate = AdminGate(JwtRules())
        self.source.on_change(gate.learn)
        asyncio.run(self.source.load())
        self.gate = gate
        self.guards = GuardWatch()
        self.rollouts = Rollouts(self.store, directory / "model_repository")
        self.events = EventStream(epoch="e")
        parts = AdminParts(
            state,
            self.store,
            self.source,
            gate,
            guards=self.guards,
            rollouts=self.rollouts.desk,
            events=self.events,
        )
        self.app = create_admin_app(parts)
        self.client: FlaskClient = self.app.test_client()

    def ask(
        self, method: str, path: str, *, token: str | None = None, **request: Any
    ) -> TestResponse:
        """One request, as the operator unless another token is given; "" is none."""
        shown = self.operator if token is None else token
        headers: Mapping[str, str] = {"Authorization": f"Bearer {shown}"} if shown else {}
        given = request.pop("headers", {})
        return self.client.open(
            f"/admin/v1{path}", method=method, headers={**headers, **given}, **request
        )

    def token_with(self, *scopes: str, life_s: float | None = None, now_s: float = 0.0) -> str:
        """Keep a new token with these scopes, and give its text."""
        minted = mint_token()
        expires_s = None if life_s is None else now_s + life_s
        record = TokenRecord(
            minted.token_id, minted.digest, "test", "acme", frozenset(scopes), expires_s
        )
        self.store.tokens.add(KeptToken(record, now_s), Act("test", "test", now_s))
        self.source.take_effect()
        return minted.text

    def audited(self, target: str = "models/m") -> list[dict[str, Any]]:
        """What the audit trail says of a target, newest first."""
        answer = self.ask("GET", "/audit", query_string={"target": target})
        assert answer.status_code == 200, answer.get_data()
        entries: list[dict[str, Any]] = answer.get_json()["entries"]
        return entries


@pytest.fixture
def state() -> ControllerState:
    """What the loop has found."""
    return ControllerState(
        revision=42,
        triton_up=False,
        triton_reason="tritonserver is not running",
        versions=(
            VersionMessage("m", 1, True, True, "", b"{}", b"{}"),  # noqa: FBT003
            VersionMessage("m", 2, True, False, "its Python process has died", b"{}", b"{}"),  # noqa: FBT003
        ),
        gateways=2,
    )


@pytest.fixture
def admin(tmp_path: Path, state: ControllerState) -> Iterator[Admin]:
    """The application."""
    made = Admin(tmp_path, state)
    yield made
    made.store.close()
