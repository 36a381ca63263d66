"""A model that hangs: nobody hangs with it."""

import time

import pytest

from tests.e2e.overload.asking import Askers, ask
from tests.e2e.overload.conftest import Moods
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.triton

#: Of moody's contract.
DEADLINE_S = 1.0
#: What a busy machine may add to a deadline.
GRACE_S = 1.0
CLIENTS = 8


def test_callers_of_a_hung_model_are_answered_in_time(stack: Stack, moods: Moods) -> None:
    """By the fallback while it hangs, by the model when it goes on; no gateway starts anew."""
    gateway = stack.child_pid("control.gateway.process")
    with Askers(stack.http, "moody", CLIENTS) as askers:
        wait_until(lambda: len(askers.heard) > 50, "moody answers")
        moods.set("hang")
        hung_s = time.monotonic()
        wait_until(lambda: len(askers.since(hung_s)) > 300, "many requests to a hung model")
        assert ask(stack.http, "slow", [7.0], shape=[1]).status == 200
        well_s = time.monotonic()
        moods.set("ok")
        wait_until(
            lambda: any(one.fallback is None for one in askers.since(well_s)), "moody is back"
        )
    assert {one.status for one in askers.heard} == {200}
    assert askers.wrong == []
    assert max(one.took_s for one in askers.heard) < DEADLINE_S + GRACE_S
    assert stack.child_pid("control.gateway.process") == gateway


def test_a_hung_model_without_fallback_is_answered_for_at_the_deadline(
    stack: Stack, moods: Moods
) -> None:
    """The caller's own deadline holds, by header as by parameter, though Triton is busy."""
    moods.set("hang")
    heard = ask(stack.http, "moody", [1.0], {"x-request-timeout-ms": "300"})
    assert heard.status == 200
    assert heard.fallback == "model"
    assert heard.took_s < 0.3 + GRACE_S
