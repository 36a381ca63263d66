"""``/admin/v1/models/{m}/rollout`` and ``/admin/v1/rollouts``."""

import pytest

from control.controller.admin.app import AdminParts, create_admin_app
from control.core.judge_counts import JudgeCounts
from tests.support.rollouts import COUNTS, canary, settled

ROLLOUT = "/models/m/rollout"
WEIGHT = f"{ROLLOUT}/weight"
SINCE = "2023-11-14T22:13:20Z"
ORDERS = ["pause", "resume", "promote", "rollback"]
WRITING = [
    ("POST", ROLLOUT, {"version": 3}),
    ("PUT", WEIGHT, {"weight": 1}),
    *(("POST", f"{ROLLOUT}/{order}", {}) for order in ORDERS),
]


def shown(admin, path: str = ROLLOUT):
    """What is shown."""
    answer = admin.ask("GET", path)
    assert answer.status_code == 200, answer.get_data()
    return answer.get_json()


def given(admin, order: str, **body: object):
    """What is answered to an order that can be followed."""
    answer = admin.ask("POST", f"{ROLLOUT}/{order}", json=body)
    assert answer.status_code == 200, answer.get_data()
    return answer.get_json()


def test_a_rollout_is_shown_whole(admin):
    """Every version with its phase and why, the attempt, and what all gateways have counted."""
    admin.rollouts.keep(canary())
    admin.rollouts.hear("r-m", COUNTS)
    admin.rollouts.hear("r-m", JudgeCounts(calls=4, crashes=1, agreed=9, disagreed=2), "2")
    document = shown(admin)
    assert document["versions"] == [
        {
            "version": 1,
            "phase": "live",
            "reason": "it was there at the first start",
            "since": SINCE,
            "digest": "d1",
            "fault": "",
        },
        {
            "version": 2,
            "phase": "canary",
            "reason": "it answers 5 % of the requests",
            "since": SINCE,
            "digest": "d2",
            "fault": "",
        },
        {
            "version": 3,
            "phase": "rejected",
            "reason": "it does not load: no model.py",
            "since": SINCE,
            "digest": "",
            "fault": "gone",
        },
    ]
    counts = document["rollout"].pop("counts")
    assert document["rollout"] == {
        "rollout": "r-m",
        "version": 2,
        "stable": 1,
        "phase": "canary",
        "isolation": "same_server",
        "started": SINCE,
        "step": 0,
        "weights": [5.0, 20.0, 50.0],
        "weight": 5.0,
        "step_since": SINCE,
        "is_manual": False,
        "is_paused": False,
        "held_up_by": "",
        "verdict": "failing",
        "verdict_reason": "its process died in 1 of 25 calls",
    }
    seen = {name: count for name, count in counts.items() if count}
    assert seen == {
        "calls": 25, "failures": 1, "crashes": 1, "clocked": 15, "timed": 12, "over_stable": 2,
        "stable_calls": 400, "stable_failures": 3, "agreed": 9, "disagreed": 2,
    }  # fmt: skip
    del document["versions"], document["rollout"]
    assert document == {"model": "m", "revision": 1, "stable": 1, "previous": None}


def test_what_is_in_the_way_of_a_rollout_is_shown(admin):
    """Until it is not any more."""
    admin.rollouts.keep(canary())
    admin.rollouts.works.hold_up("r-m", "stage", "No space left on device")
    assert shown(admin, ROLLOUT)["rollout"]["held_up_by"] == "No space left on device"
    admin.rollouts.works.hold_up("r-m", "stage", "")
    assert shown(admin, ROLLOUT)["rollout"]["held_up_by"] == ""


def test_rollouts_that_have_ended_are_shown_with_their_end(admin):
    """The last one first; a model without any has an empty history."""
    admin.rollouts.keep(canary())
    assert admin.ask("GET", f"{ROLLOUT}/history").get_json() == {"model": "m", "rollouts": []}
    given(admin, "rollback", reason="I do not like it")
    (past,) = admin.ask("GET", f"{ROLLOUT}/history").get_json()["rollouts"]
    ended = past.pop("ended")
    assert ended > past["started"]
    assert past == {
        "rollout": "r-m",
        "version": 2,
        "stable": 1,
        "outcome": "rolled_back",
        "reason": "I do not like it",
        "isolation": "same_server",
        "weight": 5.0,
        "started": SINCE,
    }
    assert len(shown(admin, f"{ROLLOUT}/history?limit=1")["rollouts"]) == 1
    refused = admin.ask("GET", f"{ROLLOUT}/history?limit=0")
    assert refused.status_code == 422
    assert refused.get_json()["violations"][0]["rule"] == "greater_than_equal"
    assert admin.ask("GET", "/models/none/rollout/history").status_code == 404


def test_nothing_under_way_is_no_rollout(admin):
    """The versions are shown all the same."""
    admin.rollouts.keep(settled())
    document = shown(admin)
    assert document["rollout"] is None
    assert [one["phase"] for one in document["versions"]] == ["live", "rejected", "rejected"]


def test_a_rollout_that_has_taken_no_step_has_no_time_of_it(admin):
    """A year 1970 would be no answer."""
    admin.rollouts.keep(canary(step_since_s=0.0))
    assert shown(admin)["rollout"]["step_since"] is None


def test_all_models_are_listed(admin):
    """Also one of which Triton knows nothing yet: why its only version was rejected."""
    admin.rollouts.keep(settled("new"))
    admin.rollouts.keep(canary("m"))
    document = shown(admin, "/rollouts")
    assert [one["model"] for one in document["models"]] == ["m", "new"]
    assert document["models"][0] == shown(admin)


def test_a_version_that_has_ended_is_started_anew(admin):
    """The answer is the document as it is then; the trail says who and why."""
    admin.rollouts.keep(settled())
    answer = admin.ask("POST", ROLLOUT, json={"version": 2, "reason": "weights mended"})
    document = answer.get_json()
    assert answer.status_code == 200
    assert document == shown(admin)
    assert (document["rollout"]["version"], document["rollout"]["phase"]) == (2, "detected")
    entry = admin.audited()[0]
    assert (entry["reason"], entry["tenant"]) == ("weights mended", "operator")


def test_a_rollout_is_paused_and_goes_on(admin):
    """Each order once; the second time there is nothing to do it to."""
    admin.rollouts.keep(canary())
    assert given(admin, "pause", reason="lunch")["rollout"]["is_paused"] is True
    again = admin.ask("POST", f"{ROLLOUT}/pause", json={})
    assert (again.status_code, again.get_json()["code"]) == (409, "conflict")
    assert again.get_json()["error"] == "model 'm': the rollout of version 2 is paused already"
    assert given(admin, "resume", reason="back")["rollout"]["is_paused"] is False
    assert [one["reason"] for one in admin.audited()[:2]] == ["back", "lunch"]
    assert [one["action"] for one in admin.audited()[:2]] == ["rollout_resumed", "rollout_paused"]


def test_a_version_is_promoted(admin):
    """Whatever steps are left."""
    admin.rollouts.keep(canary())
    document = given(admin, "promote", reason="it is good")
    assert document["rollout"]["phase"] == "promoting"
    assert document["versions"][1]["reason"] == "it is good"
    assert admin.audited()[0]["reason"] == "it is good"


def test_a_version_is_rolled_back(admin):
    """At once, and there is no rollout any longer."""
    admin.rollouts.keep(canary())
    document = given(admin, "rollback", reason="wrong answers")
    assert (document["rollout"], document["stable"]) == (None, 1)
    assert document["versions"][1]["phase"] == "rolled_back"
    assert document["versions"][1]["reason"] == "wrong answers"
    assert admin.audited()[0]["reason"] == "wrong answers"


@pytest.mark.parametrize("weight", [0, 0.5, 12, 100.0])
def test_a_weight_is_set_and_holds(admin, weight):
    """Steps wait until the rollout is resumed."""
    admin.rollouts.keep(canary())
    answer = admin.ask("PUT", WEIGHT, json={"weight": weight, "reason": "more"})
    assert answer.status_code == 200
    now = answer.get_json()["rollout"]
    assert (now["weight"], now["is_manual"]) == (weight, True)
    assert given(admin, "resume")["rollout"]["is_manual"] is False
    assert admin.audited()[1]["reason"] == "more"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"weight": -0.1},
        {"weight": 100.1},
        {"weight": "5"},
        {"weight": None},
        {"weight": True},
        {"weight": [5]},
        {"weight": 5, "percent": 5},
        {"weight": 5, "reason": "a\nb"},
    ],
)
def test_a_weight_is_a_percentage(admin, body):
    """Anything else is told with its rule, and changes nothing."""
    admin.rollouts.keep(canary())
    answer = admin.ask("PUT", WEIGHT, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_input")
    assert shown(admin)["rollout"]["weight"] == 5.0


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
def test_a_weight_is_finite(admin, number):
    """What JSON does not know is no JSON."""
    admin.rollouts.keep(canary())
    body = b'{"weight": %b}' % number
    answer = admin.ask("PUT", WEIGHT, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert shown(admin)["rollout"]["weight"] == 5.0


@pytest.mark.parametrize("version", [0, -1, 1.5, "2", None, True, 2**63])
def test_a_version_is_a_whole_number(admin, version):
    """Nothing is converted."""
    admin.rollouts.keep(settled())
    answer = admin.ask("POST", ROLLOUT, json={"version": version})
    (violation,) = answer.get_json()["violations"]
    assert (answer.status_code, violation["path"]) == (422, "version")


def test_what_cannot_be_started_is_told(admin):
    """A version that is live already, one that is not there, one while another is under way."""
    admin.rollouts.keep(settled())
    for version in (1, 9):
        answer = admin.ask("POST", ROLLOUT, json={"version": version})
        assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
        assert f"version {version}" in answer.get_json()["error"]
    admin.rollouts.keep(canary())
    answer = admin.ask("POST", ROLLOUT, json={"version": 3})
    assert answer.status_code == 409


@pytest.mark.parametrize(("method", "path", "body"), WRITING[1:])
def test_with_nothing_under_way_there_is_nothing_to_order(admin, method, path, body):
    """That is a conflict, and stays out of the trail."""
    admin.rollouts.keep(settled())
    before = admin.audited()
    answer = admin.ask(method, path, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    assert "no version is being rolled out" in answer.get_json()["error"]
    assert admin.audited() == before


@pytest.mark.parametrize(("method", "path", "body"), [("GET", ROLLOUT, None), *WRITING])
def test_an_unknown_model_is_not_found(admin, method, path, body):
    """Whatever is asked of it."""
    answer = admin.ask(method, path, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(("method", "path", "body"), WRITING)
def test_orders_need_the_scope_admin(admin, method, path, body):
    """Who may only read sees the rollout and changes nothing of it."""
    admin.rollouts.keep(canary())
    token = admin.token_with("read")
    assert admin.ask(method, path, json=body, token=token).status_code == 403
    assert admin.ask("GET", ROLLOUT, token=token).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/rollouts", None), ("GET", ROLLOUT, None), ("GET", "/models/m/routes", None),
     *WRITING],
)  # fmt: skip
def test_without_the_embedded_tritonserver_there_are_no_rollouts(admin, method, path, body):
    """What an external Triton loads is not Seawall's to decide; the refusal says so."""
    admin.app = create_admin_app(AdminParts(admin.state, admin.store, admin.source, admin.gate))
    admin.client = admin.app.test_client()
    answer = admin.ask(method, path, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    assert answer.get_json()["error"] == "version drops need the embedded tritonserver"
