"""Identical requests to a deterministic model: one execution, everybody's answer."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.overload.asking import ask
from tests.e2e.overload.conftest import count_of
from tests.support.http_client import connected
from tests.support.stack import Stack

pytestmark = pytest.mark.triton

IDENTICAL = 1000


async def _ask_one(address: str, body: bytes) -> tuple[int, list[float]]:
    async with connected(address) as client:
        head = (
            f"POST /v2/models/slow/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        await client.send(head.encode() + body)
        answer = await client.reply()
        return answer.status, json.loads(answer.body)["outputs"][0]["data"]


def executions(repository: Path) -> int:
    """How often the model has really been executed."""
    file = count_of(repository)
    return len(file.read_text()) if file.exists() else 0


def body_of(*values: float) -> bytes:
    """A request to ``slow``."""
    tensor = {"name": "INPUT0", "shape": [len(values)], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


async def test_a_thousand_identical_requests_are_one_execution(
    stack: Stack, repository: Path
) -> None:
    """Whoever comes while it runs shares it, whoever comes later gets the kept answer."""
    before = executions(repository)
    body = body_of(1.0, 2.0)
    heard = await asyncio.gather(*(_ask_one(stack.http, body) for _ in range(IDENTICAL)))
    assert heard == [(200, [1.0, 2.0])] * IDENTICAL
    assert executions(repository) == before + 1


def test_a_kept_answer_is_marked_until_it_is_purged(stack: Stack, repository: Path) -> None:
    """A hit says so, and an operator's purge makes the model answer anew."""
    first = ask(stack.http, "slow", [5.0], shape=[1])
    assert "seawall-cache" not in first.headers
    before = executions(repository)
    again = ask(stack.http, "slow", [5.0], shape=[1])
    assert again.headers["seawall-cache"] == "hit"
    assert again.values == [5.0]
    assert executions(repository) == before
    stack.ask_admin("DELETE", "/models/slow/cache")
    assert "seawall-cache" not in ask(stack.http, "slow", [5.0], shape=[1]).headers
    assert executions(repository) == before + 1
