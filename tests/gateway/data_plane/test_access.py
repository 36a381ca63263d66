"""Who may use and see what on the data plane, where a token is required."""

import dataclasses
import json

import pytest

from control.core.access import Access, TokenRecord
from control.identity.tokens import mint_token
from tests.gateway.data_plane.conftest import SNAPSHOT, Plane, json_of
from tests.support.answers import Answer
from tests.support.jwts import Issuer, jwks

ISSUER = Issuer()
TOKENS = {
    scopes: mint_token() for scopes in ("infer:identity", "infer:*", "read", "admin", "infer:gone")
}
ACCESS = Access(
    {
        one.token_id: TokenRecord(one.token_id, one.digest, "n", "acme", frozenset({scope}))
        for scope, one in TOKENS.items()
    },
    {},
    jwks(ISSUER),
)
ABOUT_IDENTITY = [
    "/v2/models/identity",
    "/v2/models/identity/versions/1",
    "/v2/models/identity/ready",
    "/v2/models/identity/config",
    "/v2/models/identity/stats",
]
INFER = "/v2/models/identity/infer"
STATS = {"model_stats": [{"name": "identity", "version": "1"}, {"name": "texts", "version": "1"}]}


@pytest.fixture
def more_settings() -> dict[str, object]:
    """A gateway that asks for tokens."""
    return {"identity.required": "always"}


@pytest.fixture
async def guarded(plane: Plane) -> Plane:
    """A gateway that knows some tokens."""
    await plane.ready(dataclasses.replace(SNAPSHOT, access=ACCESS))
    plane.fake.documents["/v2/models/stats"] = json.dumps(STATS).encode()
    plane.fake.documents["/v2/models/identity/stats"] = b'{"one":1}'
    return plane


async def ask(plane: Plane, scope: str, method: str, path: str, body: bytes = b"") -> Answer:
    """One request with the token of this scope; "" is none."""
    headers = {"authorization": f"Bearer {TOKENS[scope].text}"} if scope else {}
    return await plane.ask(method, path, body, **headers)


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready"])
async def test_health_is_open(guarded: Plane, path: str) -> None:
    """Orchestrators ask without credentials, and get Triton's own answers."""
    assert (await ask(guarded, "", "GET", path)).status in {200, 400}


async def test_everything_else_needs_a_token(guarded: Plane) -> None:
    """Also what does not exist or is never allowed: nothing is told to nobody."""
    paths = [*ABOUT_IDENTITY, "/v2", "/v2/models/stats", "/v2/nothing", "/v2/logging"]
    asked = [("GET", path) for path in paths]
    asked += [("POST", INFER), ("POST", "/v2/models/none/infer"), ("POST", "/v2/repository/index")]
    asked += [("DELETE", "/v2")]
    for method, path in asked:
        answer = await ask(guarded, "", method, path, json_of(1.0))
        assert (answer.status, answer.code) == (401, "unauthenticated"), path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.fake.seen == []


@pytest.mark.parametrize(
    ("scope", "status"),
    [("infer:identity", 200), ("infer:*", 200), ("read", 403), ("admin", 403), ("infer:gone", 403)],
)
async def test_inference_needs_its_scope(guarded: Plane, scope: str, status: int) -> None:
    """A token for reading or changing Seawall sends none, nor does one for another model."""
    assert (await ask(guarded, scope, "POST", INFER, json_of(1.0))).status == status


async def test_a_refusal_does_not_tell_what_exists(guarded: Plane) -> None:
    """Models that are there and models that are not are refused alike."""
    for method, path in (("POST", "/v2/models/M/infer"), ("GET", "/v2/models/M")):
        told = []
        for model in ("texts", "nowhere"):
            answer = await ask(guarded, "infer:gone", method, path.replace("M", model))
            assert (answer.status, answer.code) == (403, "forbidden")
            told.append(answer.document["error"].replace(model, "M"))
        assert told[0] == told[1]


@pytest.mark.parametrize(
    ("scope", "status"),
    [("infer:identity", 200), ("infer:*", 200), ("read", 200), ("admin", 200), ("infer:gone", 403)],
)
async def test_a_model_is_seen_by_who_may_use_it_or_read(
    guarded: Plane, scope: str, status: int
) -> None:
    """Metadata, readiness, config and statistics alike."""
    for path in ABOUT_IDENTITY:
        assert (await ask(guarded, scope, "GET", path)).status == status, path
    assert (await ask(guarded, scope, "GET", "/v2")).status == 200


@pytest.mark.parametrize(
    ("scope", "models"),
    [
        ("infer:identity", {"identity"}),
        ("infer:gone", set()),
        ("infer:*", {"identity", "texts"}),
        ("read", {"identity", "texts"}),
        ("admin", {"identity", "texts"}),
    ],
)
async def test_lists_hold_only_what_the_token_may_see(
    guarded: Plane, scope: str, models: set[str]
) -> None:
    """The index and the statistics of all models are cut down to the caller's."""
    index = (await ask(guarded, scope, "POST", "/v2/repository/index")).document
    assert {one["name"] for one in index} & {"identity", "texts"} == models
    stats = (await ask(guarded, scope, "GET", "/v2/models/stats")).document
    assert {one["name"] for one in stats["model_stats"]} == models


async def test_a_jwt_is_as_good(guarded: Plane) -> None:
    """Its scopes count as those of an API token."""
    text = ISSUER.sign(scope="infer:identity").decode()
    headers = {"authorization": f"Bearer {text}"}
    assert (await guarded.ask("POST", INFER, json_of(1.0), **headers)).status == 200
    assert (await guarded.ask("GET", "/v2/models/texts", **headers)).status == 403


async def test_a_wrong_token_is_refused_on_every_endpoint(guarded: Plane) -> None:
    """The challenge says that the token is at fault, not its absence."""
    wrong = {"authorization": f"Bearer {TOKENS['read'].text}x"}
    for method, path in (("POST", INFER), ("GET", "/v2"), ("GET", "/v2/models/identity")):
        answer = await guarded.ask(method, path, json_of(1.0), **wrong)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_revoked_token_is_refused_from_the_next_snapshot_on(guarded: Plane) -> None:
    """On inference and metadata alike."""
    guarded.gateway.snapshots.accept(dataclasses.replace(SNAPSHOT, access=Access()))
    assert (await ask(guarded, "infer:*", "POST", INFER, json_of(1.0))).status == 401
    assert (await ask(guarded, "read", "GET", "/v2")).status == 401


async def test_a_method_that_is_not_allowed_names_those_that_are(guarded: Plane) -> None:
    """RFC 9110 asks for it."""
    answer = await ask(guarded, "read", "DELETE", "/v2")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
