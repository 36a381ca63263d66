"""What a request is on the canary's track: charged once, cut by one contract only, by one clock."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.core.access import Access, Quota
from control.core.canary_policy import CanaryPolicy, Sticky, StickyBy
from control.core.protection import Protection
from tests.contracts.contract_files import compiled, word_pieces
from tests.fakes.fake_triton import Exchange, answer_with, identity, model_raised
from tests.gateway.conftest import make_view
from tests.gateway.data_plane.conftest import TEXTS, Plane
from tests.gateway.data_plane.protected_versions import NO_RETRIES
from tests.gateway.data_plane.rollout_scene import (
    CANARYS,
    REROUTED,
    STABLES,
    Rollout,
    ask,
    calls_of,
    ends_of,
    version,
)

CONFIG: dict[str, Any] = {"name": "identity", "max_batch_size": 8, **TEXTS}
LONG = "a a a a a a a a"


def tokens(folder: Path, most: int) -> str:
    """A contract that cuts texts to so many tokens."""
    (folder / "t.json").write_bytes(word_pieces())
    return (
        f"inputs: {{INPUT0: {{tokens: {{tokenizer: t.json, max: {most}, on_excess: truncate}}}}}}"
    )


def texts_rollout(folder: Path, stable: int, canary: int, **said: Any) -> Rollout:
    """Two versions of a model of texts, each with a contract that cuts them."""
    protection = Protection(retries=NO_RETRIES)
    views = [make_view(version=number, **TEXTS) for number in (1, 2)]
    cut = [compiled(folder, tokens(folder, most), CONFIG) for most in (stable, canary)]
    first, second = (
        version(
            view.version,
            contract=view.contract,
            config_json=view.config_json,
            rules=rules,
            protection=protection,
        )
        for view, rules in zip(views, cut, strict=True)
    )
    return Rollout(stable=first, canary=second, **said)


async def ask_text(plane: Plane, text: str) -> tuple[list[str], str]:
    """Ask for a text; give what came back, and what is said of cuts."""
    tensor = {"name": "INPUT0", "shape": [1, 1], "datatype": "BYTES", "data": [text]}
    body = json.dumps({"inputs": [tensor]}).encode()
    answered = await plane.ask("POST", "/v2/models/identity/infer", body)
    assert answered.status == 200, answered.body
    document = answered.document
    notes = document.get("parameters", {}).get("seawall_truncated", "")
    return document["outputs"][0]["data"], notes


async def test_a_text_is_cut_by_the_contract_of_who_answers(plane: Plane, tmp_path: Path) -> None:
    """By the canary's on its track, by stable's elsewhere; the note says which limit it was."""
    await plane.ready(texts_rollout(tmp_path, stable=8, canary=4).snapshot)
    words, note = await ask_text(plane, LONG)
    assert (words, note[-15:]) == (["a a"], "tokens cut to 4")
    await plane.ready(texts_rollout(tmp_path, stable=8, canary=4, weight=0.0).snapshot)
    words, note = await ask_text(plane, LONG)
    assert (words, note[-15:]) == (["a a a a a a"], "tokens cut to 8")


@pytest.mark.parametrize(("stable", "canary"), [(8, 4), (4, 8)])
async def test_stable_gets_the_whole_text_after_the_canary_has_failed(
    plane: Plane, tmp_path: Path, stable: int, canary: int
) -> None:
    """What one contract has cut is whole for the other."""
    await plane.ready(texts_rollout(tmp_path, stable=stable, canary=canary).snapshot)
    got: dict[str, bytes] = {}

    async def note(exchange: Exchange) -> None:
        got[exchange.seen.version] = exchange.seen.binary
        act = model_raised("identity") if exchange.seen.version == "2" else identity
        await act(exchange)

    plane.fake.by_version = {"1": note, "2": note}
    words, text = await ask_text(plane, LONG)
    assert words == [" ".join(["a"] * (stable - 2))]
    assert text.endswith(f"tokens cut to {stable}")
    # two special tokens; each text has a prefix of four bytes, each word a space but the first
    assert len(got["2"]) == 4 + 2 * (canary - 2) - 1
    assert len(got["1"]) == 4 + 2 * (stable - 2) - 1


@pytest.mark.parametrize("fails", [False, True])
async def test_a_request_is_charged_once(plane: Plane, tmp_path: Path, fails: bool) -> None:
    """Its tokens and itself, by stable's count, whoever answers."""
    quota = Quota(tokens_per_minute=50, requests_per_second=50)
    rollout = texts_rollout(tmp_path, stable=32, canary=16).snapshot
    access = Access(tenants={"anonymous": quota})
    await plane.ready(replace(rollout, access=access))
    if fails:
        plane.fake.by_version["2"] = model_raised("identity")
    tensor = {"name": "INPUT0", "shape": [1, 1], "datatype": "BYTES", "data": [LONG]}
    body = json.dumps({"inputs": [tensor]}).encode()
    for _ in range(5):  # of ten tokens each
        answered = await plane.ask("POST", "/v2/models/identity/infer", body)
        assert answered.status == 200
    assert answered.headers["seawall-track"] == ("stable" if fails else "canary")
    assert (await plane.ask("POST", "/v2/models/identity/infer", body)).status == 429
    assert calls_of(plane, 2) == 5


async def test_a_bad_request_is_not_the_canarys(plane: Plane) -> None:
    """What the client asks wrongly of both is refused as ever, and nobody is judged."""
    await plane.ready(Rollout().snapshot)
    heard = await ask(plane, x_request_timeout_ms="soon")
    assert (heard.status, heard.values) == (400, "malformed_request")
    assert not ends_of(plane)


async def test_generate_and_classes_work_on_either_track(plane: Plane) -> None:
    """A JSON request, and one for classes, are answered as by stable."""
    rollout = Rollout()
    await plane.ready(rollout.snapshot)
    path = "/v2/models/identity/generate"
    body = b'{"INPUT0":[3.0]}'
    answers = []
    for act in (identity, model_raised("identity")):
        plane.fake.by_version["2"] = act
        answered = await plane.ask("POST", path, body)
        assert answered.status == 200, answered.body
        answers.append((answered.document["OUTPUT0"], answered.headers["seawall-track"]))
    assert answers == [(3.0, "canary"), (3.0, "stable")]
    asked = {
        "inputs": [{"name": "INPUT0", "shape": [1, 3], "datatype": "FP32", "data": [1, 9, 4]}],
        "outputs": [{"name": "OUTPUT0", "parameters": {"classification": 2}}],
    }
    for act in (identity, model_raised("identity")):
        plane.fake.by_version["2"] = act
        answered = await plane.ask("POST", "/v2/models/identity/infer", json.dumps(asked).encode())
        assert answered.document["outputs"][0]["data"] == ["9.000000:1", "4.000000:2"]


async def test_a_large_request_is_tried_and_given_to_stable(plane: Plane) -> None:
    """Its clock holds all stages together, on both tracks."""
    policy = CanaryPolicy(sticky=Sticky(StickyBy.REQUEST))
    await plane.ready(Rollout(policy=policy).snapshot)
    large = [0.5] * 20_000
    assert (await ask(plane, *large)).by == CANARYS
    plane.fake.by_version["2"] = model_raised("identity")
    heard = await ask(plane, *large)
    assert (heard.status, heard.by, len(heard.values)) == (200, REROUTED, 20_000)


async def test_the_same_request_takes_the_same_track(plane: Plane) -> None:
    """By its bytes, if the policy says so."""
    policy = CanaryPolicy(sticky=Sticky(StickyBy.REQUEST))
    await plane.ready(Rollout(weight=50.0, policy=policy).snapshot)
    tracks: dict[int, Any] = {}
    for _ in range(3):
        for number in range(12):
            by = (await ask(plane, float(number))).by
            assert tracks.setdefault(number, by) == by
    assert set(tracks.values()) == {STABLES, CANARYS}


async def test_an_answer_that_cannot_be_written_is_none(plane: Plane, tmp_path: Path) -> None:
    """A canary whose bytes are no text has failed the client that asked for JSON."""
    await plane.ready(texts_rollout(tmp_path, stable=32, canary=32).snapshot)
    broken = b"\x02\x00\x00\x00\xff\xfe"
    plane.fake.by_version["2"] = answer_with(("OUTPUT0", "BYTES", [1, 1], broken))
    assert await ask_text(plane, "a") == (["a"], "")
    assert ends_of(plane) == {"failure": 1}
    plane.fake.by_version["1"] = plane.fake.by_version["2"]
    tensor = {"name": "INPUT0", "shape": [1, 1], "datatype": "BYTES", "data": ["a"]}
    body = json.dumps({"inputs": [tensor]}).encode()
    answered = await plane.ask("POST", "/v2/models/identity/infer", body)
    assert (answered.status, answered.code) == (406, "not_acceptable")
    assert ends_of(plane) == {"failure": 1, "unconfirmed": 1}
