"""Contracts proposed from traffic."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.controller.admin.app import AdminParts, create_admin_app
from control.controller.admin.gate import AdminGate
from control.controller.directive_source import DirectiveSource
from control.controller.learning import LearnedTraffic
from control.controller.loop import ControllerState
from control.identity.jwks_file import JwksFile
from control.identity.jwt_tokens import JwtRules
from control.identity.tokens import mint_token, operator_record
from control.learning.summary import VersionSummary
from control.learning.version import LearnedVersion
from control.link.events import TrafficReport
from control.link.messages import VersionMessage
from control.state.store import StateStore
from tests.learning.made_requests import Spec, config_of, request, texts, view_of

INPUTS: Mapping[str, Spec] = {"T": ("BYTES", [1])}


class Asking:
    """The application over traffic that one gateway has told of."""

    def __init__(self, folder: Path) -> None:
        config = json.dumps(config_of(INPUTS)).encode()
        version = VersionMessage("m", 1, True, True, "", b"{}", config)  # noqa: FBT003
        learned = LearnedTraffic()
        learned.hear(TrafficReport("g", _traffic(200)))
        operator = mint_token()
        store = StateStore.open("", folder / "seawall.db")
        source = DirectiveSource(store, JwksFile(None), operator_record(operator))
        gate = AdminGate(JwtRules())
        source.on_change(gate.learn)
        asyncio.run(source.load())
        state = ControllerState(versions=(version,))
        parts = AdminParts(state, store, source, gate, learned, folder)
        self._client = create_admin_app(parts).test_client()
        self._headers = {"Authorization": f"Bearer {operator.text}"}

    def get(self, path: str) -> tuple[int, Any]:
        """Ask; status and document."""
        answer = self._client.get(f"/admin/v1/models/{path}", headers=self._headers)
        return answer.status_code, answer.get_json()


def _traffic(requests: int) -> VersionSummary:
    version = LearnedVersion(view_of(INPUTS))
    for _ in range(requests):
        one = request(texts("T", ["hello"]))
        version.count(one, 50)
        version.sketch(one, None, 0.0)
    return version.summary()


@pytest.fixture
def asking(tmp_path: Path) -> Asking:
    """Two hundred requests to one model."""
    return Asking(tmp_path)


def test_a_proposal_is_a_file_a_diff_and_its_grounds(asking: Asking) -> None:
    """Everything that a reviewer needs comes in one answer."""
    status, document = asking.get("m/contract/proposal")
    assert status == 200
    assert yaml.safe_load(document["contract"])["inputs"]["T"]["max_chars"] == 6
    assert document["diff"].startswith("--- /dev/null\n+++ b/m/contract.yaml\n")
    assert (document["requests"], document["sketched"], document["notes"]) == (200, 200, [])
    assert (document["model"], document["version"]) == ("m", 1)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("m/contract/proposal?min_requests=201", 409, "conflict"),
        ("m/contract/proposal?version=1&min_requests=200", 200, None),
        ("m/contract/proposal?version=2", 404, "model_not_found"),
        ("n/contract/proposal", 404, "model_not_found"),
        ("m/contract/proposal?version=zero", 422, "invalid_input"),
        ("m/contract/proposal?min_requests=0", 422, "invalid_input"),
    ],
)
def test_what_cannot_be_proposed_is_refused(
    asking: Asking, path: str, status: int, code: str | None
) -> None:
    """Too little traffic, no such model, or a wrong query: each has its own refusal."""
    got, document = asking.get(path)
    assert (got, document.get("code")) == (status, code)
