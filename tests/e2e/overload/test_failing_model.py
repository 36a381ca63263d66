"""A model that fails: its callers never notice more than a mark."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.overload.asking import Askers, Heard, ask
from tests.e2e.overload.conftest import Moods
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.triton

CLIENTS = 8
#: Of moody's contract: the least calls that its breaker judges by.
LEAST_CALLS = 10


def state_of(stack: Stack) -> str:
    """The state of moody's breaker, as the admin API shows it once the gateway has reported."""
    (version,) = stack.ask_admin("GET", "/models/moody/breaker")["versions"]
    return "".join(str(gateway["state"]) for gateway in version["gateways"])


def wait_for(askers: Askers, condition: Callable[[Heard], bool], what: str) -> None:
    """Wait until somebody hears such an answer from now on."""
    now_s = time.monotonic()
    wait_until(lambda: any(condition(one) for one in askers.since(now_s)), what)


def test_a_model_that_fails_is_stood_in_for_until_it_is_well(stack: Stack, moods: Moods) -> None:
    """From the first failure to recovery, every caller gets a right answer, marked or its own."""
    with Askers(stack.http, "moody", CLIENTS) as askers:
        wait_for(askers, lambda one: one.fallback is None, "moody answers")
        failures = stack.metric("seawall_breaker_transitions_total", model="moody", to="open")
        calls_before = stack.metric("nv_inference_request_failure", model="moody")
        moods.set("fail")
        wait_until(
            lambda: (
                stack.metric("seawall_breaker_transitions_total", model="moody", to="open")
                > failures
            ),
            "the breaker is open",
        )
        wait_until(lambda: state_of(stack) in {"open", "half_open"}, "the admin API says so")
        opened_s = time.monotonic()
        wait_until(lambda: len(askers.since(opened_s)) > 500, "many requests while it is open")
        meanwhile = askers.since(opened_s)
        failed_calls = stack.metric("nv_inference_request_failure", model="moody") - calls_before
        moods.set("ok")
        wait_for(askers, lambda one: one.fallback is None, "moody answers again")
        wait_until(lambda: state_of(stack) == "closed", "the breaker is closed")
    assert {one.status for one in askers.heard} == {200}
    assert askers.wrong == []
    assert {one.fallback for one in meanwhile} == {"model"}
    # An open breaker keeps the calls away: a few before it opened, and probes, not one a request.
    assert failed_calls < len(meanwhile) / 4
    assert failed_calls >= LEAST_CALLS


def test_a_fallback_says_who_answered(stack: Stack, moods: Moods) -> None:
    """The headers name the kind and the version; the document is in the name of the model asked."""
    moods.set("fail")
    wait_until(lambda: ask(stack.http, "moody", [1.0]).fallback, "a fallback answers")
    heard = ask(stack.http, "moody", [1.5, 2.0])
    assert heard.headers["seawall-fallback-by"] == "steady/1"
    assert heard.headers["seawall-model-version"] == "1"
    assert (heard.document["model_name"], heard.document["model_version"]) == ("moody", "1")
    assert heard.values == [3.0, 4.0]


def test_a_clients_fault_is_neither_stood_in_for_nor_held_against_the_model(
    stack: Stack, moods: Moods
) -> None:
    """Wrong requests get their refusal, however many; the breaker does not hear of them."""
    moods.set("ok")
    wait_until(lambda: ask(stack.http, "moody", [1.0]).fallback is None, "moody answers")
    for _ in range(3 * LEAST_CALLS):
        heard = ask(stack.http, "moody", [1.0], shape=[1, 1, 1])
        assert (heard.status, heard.fallback) == (422, None)
    assert ask(stack.http, "moody", [1.0]).fallback is None


def test_an_operator_opens_and_resets_a_breaker(stack: Stack, moods: Moods) -> None:
    """What is ordered holds at once, and is on record."""
    moods.set("ok")
    wait_until(lambda: ask(stack.http, "moody", [1.0]).fallback is None, "moody answers")
    order = {"mode": "forced_open", "reason": "maintenance"}
    stack.ask_admin("PUT", "/models/moody/breaker", order)
    assert ask(stack.http, "moody", [1.0]).fallback == "model"
    stack.ask_admin("POST", "/models/moody/breaker/reset", {})
    assert ask(stack.http, "moody", [1.0]).fallback is None
    acts = stack.ask_admin("GET", "/audit")
    assert "maintenance" in str(acts)


@pytest.mark.parametrize("headers", [{}, {"x-request-timeout-ms": "30000"}])
def test_a_dead_process_opens_its_breaker_at_once(
    stack: Stack, moods: Moods, headers: dict[str, str]
) -> None:
    """One sign of death is enough: the next caller does not pay a second for it."""
    moods.set("die")
    first = ask(stack.http, "moody", [1.0], headers)
    assert (first.status, first.fallback) == (200, "model")
    second = ask(stack.http, "moody", [1.0], headers)
    assert (second.status, second.fallback) == (200, "model")
    assert second.took_s < 0.5
