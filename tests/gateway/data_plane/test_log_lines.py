"""Which requests get a line in the log."""

import json
from dataclasses import replace

import pytest

from control.core.elements import pack_bytes
from control.core.protection import BreakerMode, Override
from tests.fakes.fake_triton import answer_with
from tests.gateway.conftest import make_view, snapshot_of
from tests.gateway.data_plane.conftest import TEXTS, Plane
from tests.gateway.data_plane.rollout_scene import Rollout, counts_of
from tests.support.polls import eventually


@pytest.fixture
def more_settings() -> dict[str, object]:
    """Lines for failures, as by default."""
    return {"log.access": "failures"}


async def test_crowds_of_refusals_get_few_lines(
    plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under overload a line for each refusal would cost more than the refusal: some are counted."""
    await plane.ready(
        snapshot_of(replace(make_view(), order=Override(breaker=BreakerMode.FORCED_OPEN)))
    )
    capsys.readouterr()
    for _ in range(200):
        assert (await plane.infer(1.0)).code == "circuit_open"
    told = "".join(capsys.readouterr()).splitlines()
    lines = [line for line in told if "outcome=circuit_open" in line]
    assert 1 <= len(lines) < 100
    assert all("others_like_it=" in line for line in lines[1:])


async def test_other_failures_get_a_line_each(
    plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong with one request is found by its id."""
    await plane.ready(snapshot_of(make_view()))
    capsys.readouterr()
    infer = "/v2/models/identity/infer"
    answered = [await plane.ask("POST", infer, b"{}") for _ in range(5)]
    told = "".join(capsys.readouterr())
    for one in answered:
        assert one.status >= 400
        assert one.headers["x-request-id"] in told


async def test_a_copy_that_disagrees_gets_a_line_without_the_answers(
    plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where they part, not what they say: a model's answer may be anybody's secret."""
    stable, canary = (make_view(version=number, **TEXTS) for number in (1, 2))
    await plane.ready(Rollout(0.0, 100.0, stable=stable, canary=canary).snapshot)
    said = pack_bytes([b"the secret is otherwise"])
    plane.fake.by_version["2"] = answer_with(("OUTPUT0", "BYTES", [1, 1], said))
    capsys.readouterr()
    tensor = {"name": "INPUT0", "shape": [1, 1], "datatype": "BYTES", "data": ["the secret is me"]}
    body = json.dumps({"inputs": [tensor]}).encode()
    assert (await plane.ask("POST", "/v2/models/identity/infer", body)).status == 200
    await eventually(lambda: counts_of(plane).disagreed == 1, "it is compared")
    told = "".join(capsys.readouterr())
    assert "shadow_disagreed" in told
    assert "outputs.OUTPUT0[0] differs from byte 14 on" in told
    assert "secret" not in told
