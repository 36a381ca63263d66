"""Which requests get a line in the log."""

from dataclasses import replace

import pytest

from control.core.protection import BreakerMode, Override
from tests.gateway.conftest import make_view, snapshot_of
from tests.gateway.data_plane.conftest import Plane


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
