"""Versions under protection, and short ways to ask them."""

import asyncio
import json
import struct
from dataclasses import replace
from typing import Any

from control.core.protection import Fallback, FallbackKind, Protection, RetryPolicy, StaticOutput
from control.core.snapshot import Snapshot, VersionView
from tests.fakes.fake_triton import Act, Exchange, identity
from tests.gateway.conftest import make_view, snapshot_of
from tests.gateway.data_plane.conftest import Plane, json_of

PATH = "/v2/models/identity/infer"
NO_RETRIES = RetryPolicy(num_retries=0)
STATIC = Fallback(
    FallbackKind.STATIC, answer=(StaticOutput("OUTPUT0", "FP32", (1,), struct.pack("<f", 7.0)),)
)
OTHER = Fallback(FallbackKind.MODEL, model="other")


def protected(**policies: Any) -> VersionView:
    """The identity model with these policies."""
    return replace(make_view(), protection=Protection(**policies))


def with_other(view: VersionView) -> Snapshot:
    """A snapshot of the version and of another model that can stand in."""
    return snapshot_of(view, make_view("other"))


async def infer(plane: Plane, *values: float, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Ask the identity model; give status, output or code, and headers."""
    answered = await plane.ask("POST", PATH, json_of(*values), **headers)
    document = json.loads(answered.body)
    told = document["outputs"][0]["data"] if answered.status == 200 else document["code"]
    return answered.status, told, dict(answered.headers)


def upon(release: asyncio.Event, act: Act = identity) -> Act:
    """Do something once released."""

    async def later(exchange: Exchange) -> None:
        await release.wait()
        await act(exchange)

    return later


def admitted(plane: Plane) -> float:
    """The calls that hold a permit now."""
    return sum(one.in_flight for one in plane.gateway.guards.admissions.statuses())
