"""``/admin/v1/models/{m}/routes``."""

from dataclasses import replace

import pytest

from control.core.canary_policy import CanaryPolicy, Sticky, StickyBy
from control.core.rollout_phases import Phase
from tests.support.rollouts import canary, settled

ROUTES = "/models/m/routes"


def test_the_route_of_a_settled_model_is_its_stable_version(admin):
    """With all versions that are live."""
    admin.rollouts.keep(settled())
    assert admin.ask("GET", ROUTES).get_json() == {
        "model": "m",
        "stable": 1,
        "previous": None,
        "live": [1],
        "canary": None,
    }


def test_a_canary_is_shown_with_its_share(admin):
    """And with what decides who gets it."""
    admin.rollouts.keep(canary())
    assert admin.ask("GET", ROUTES).get_json()["canary"] == {
        "rollout": "r-m",
        "version": 2,
        "weight": 5.0,
        "shadow": 0.0,
        "sticky": "request_id",
    }


@pytest.mark.parametrize(
    ("sticky", "shown"),
    [(Sticky(StickyBy.TENANT), "tenant"), (Sticky(StickyBy.HEADER, "x-user"), "header:x-user")],
)
def test_what_requests_stick_by_is_the_rollouts(admin, sticky, shown):
    """A header is named."""
    admin.rollouts.keep(canary(policy=CanaryPolicy(sticky=sticky)))
    assert admin.ask("GET", ROUTES).get_json()["canary"]["sticky"] == shown


def test_a_version_that_only_gets_copies_answers_nothing(admin):
    """Its weight is 0 and its shadow is not."""
    record = canary(weight=0.0)
    shadowing = replace(record.versions[2], phase=Phase.SHADOWING)
    admin.rollouts.keep(replace(record, versions={**record.versions, 2: shadowing}))
    route = admin.ask("GET", ROUTES).get_json()["canary"]
    assert route["weight"] == 0.0


def test_an_unknown_model_is_not_found(admin):
    """There is no route to it."""
    answer = admin.ask("GET", ROUTES)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "model_not_found")
