"""What a request says of its own urgency, and what holds besides."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from control.core.access import NOBODY, Identity
from control.core.protection import Priority, Protection
from control.core.tensors import InferRequest, Parameter
from control.errors import MalformedRequest
from control.gateway.caller import Caller, caller_of, heed_parameters
from control.gateway.observe import Observation
from tests.gateway.conftest import make_view

MODEST = Identity("token:1", "acme", frozenset({"infer:*"}))


def caller(
    headers: Mapping[bytes, bytes] | None = None,
    parameters: Mapping[str, Parameter] | None = None,
    *,
    protection: Protection | None = None,
    identity: Identity = NOBODY,
) -> Caller:
    """The caller of a request that came in at 100 s, where the gateway gives 60 s."""
    view = replace(make_view(), protection=protection or Protection())
    seen = Observation("id", "identity", 10, 100.0)
    made = caller_of(seen, identity, view, headers or {}, 60.0)
    heed_parameters(made, InferRequest([], parameters=parameters or {}), headers or {})
    return made


@pytest.mark.parametrize(
    ("headers", "parameters", "contract_s", "deadline_s"),
    [
        ({}, {}, None, 160.0),
        ({}, {}, 5.0, 105.0),
        ({}, {}, 500.0, 160.0),
        ({b"x-request-timeout-ms": b"250"}, {}, 5.0, 100.25),
        ({b"x-request-timeout-ms": b"9000"}, {}, 5.0, 105.0),
        ({b"x-request-timeout-ms": b"0"}, {}, 5.0, 105.0),
        ({}, {"timeout": 125_000}, 5.0, 100.125),
        ({}, {"timeout": 0}, 5.0, 105.0),
        ({b"x-request-timeout-ms": b"250"}, {"timeout": 125_000}, None, 100.125),
        ({b"x-request-timeout-ms": b"100"}, {"timeout": 125_000}, None, 100.1),
    ],
)
def test_the_shortest_time_holds(
    headers: Mapping[bytes, bytes],
    parameters: Mapping[str, Parameter],
    contract_s: float | None,
    deadline_s: float,
) -> None:
    """Of header, parameter, contract and gateway, nobody gets more than the least."""
    made = caller(headers, parameters, protection=Protection(deadline_s=contract_s))
    assert made.deadline_s == pytest.approx(deadline_s)


@pytest.mark.parametrize(
    ("headers", "parameters", "priority"),
    [
        ({}, {}, Priority.LOW),
        ({}, {"priority": 0}, Priority.LOW),
        ({}, {"priority": 1}, Priority.HIGH),
        ({b"x-seawall-priority": b"high"}, {}, Priority.HIGH),
        ({b"x-seawall-priority": b"normal"}, {"priority": 1}, Priority.NORMAL),
    ],
)
def test_a_request_says_its_priority_or_the_contract_does(
    headers: Mapping[bytes, bytes], parameters: Mapping[str, Parameter], priority: Priority
) -> None:
    """The header goes before Triton's parameter, and both before the contract."""
    made = caller(headers, parameters, protection=Protection(priority=Priority.LOW))
    assert made.priority is priority


def test_high_priority_needs_its_scope() -> None:
    """Who lacks it is served as others are, by header and by parameter."""
    asked = {b"x-seawall-priority": b"high"}
    assert caller(asked, identity=MODEST).priority is Priority.NORMAL
    assert caller({}, {"priority": 1}, identity=MODEST).priority is Priority.NORMAL
    trusted = replace(MODEST, scopes=MODEST.scopes | {"priority:high"})
    assert caller(asked, identity=trusted).priority is Priority.HIGH


@pytest.mark.parametrize("name", [b"x-request-timeout-ms", b"x-seawall-priority"])
def test_what_cannot_be_read_is_said(name: bytes) -> None:
    """The message names the header, what it may hold, and what it held."""
    with pytest.raises(MalformedRequest) as caught:
        caller({name: b"soon\xff" + b"x" * 100})
    assert name.decode() in caught.value.message
    assert "soon" in caught.value.message
    assert len(caught.value.message) < 150
