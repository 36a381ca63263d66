"""A second host copies the same version later: what its model has beside it may have changed."""

import asyncio
from dataclasses import replace

import pytest

from control.controller.loop import ControllerState
from control.controller.rollouts.performer import Performer
from control.controller.rollouts.places import Places
from control.controller.rollouts.verifier import Verifier
from control.controller.rollouts.works import NotDone, Works
from control.controller.webhooks.webhooks import Webhooks
from control.core.canary_policy import DEFAULT_CANARY
from control.core.rollout_begin import adopt, begin
from control.core.rollout_facts import Work
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.repository.refusals import SourceChanged
from control.repository.served import ServedRepository
from control.runtime import RuntimePaths
from control.webhook_settings import WebhookSettings
from tests.support.polls import eventually


@pytest.fixture
def other(places: Places) -> Places:
    """The places of another host, which serves version 1 as well."""
    paths = RuntimePaths(places.paths.state.with_name("other"))
    paths.staged.mkdir(parents=True)
    served = ServedRepository(paths.served, paths.staged)
    served.folder.mkdir()
    found = replace(places, paths=paths, served=served)
    found.put_in("twice", 1, found.stage("twice", 1).digest)
    served.write_config("twice", [1])
    return found


def edit_config(places: Places) -> str:
    """Change the model's config, as for the next drop; gives what it was."""
    config = places.source_model("twice") / "config.pbtxt"
    before = config.read_text()
    config.write_text(before + "\ninstance_group [ { count: 400 } ]\n")
    return before


def test_a_config_that_nobody_has_verified_reaches_no_host(places, other):
    """It would be pinned for the live version too. Once it is put back, the version is served."""
    staged = places.stage("twice", 2)
    before = edit_config(places)
    beside = frozenset({staged.model_digest})
    places.put_in("twice", 2, staged.digest, beside)
    for _ in range(2):
        with pytest.raises(SourceChanged, match="another config of its model"):
            other.put_in("twice", 2, staged.digest, beside)
    with pytest.raises(SourceChanged):
        other.build_apart("twice", 2, staged.digest, other.repository_apart("x"), beside)
    assert "count: 400" not in (other.served.folder / "twice" / "config.pbtxt").read_text()
    assert other.served.models() == {"twice": (1,)}
    (places.source_model("twice") / "config.pbtxt").write_text(before)
    other.put_in("twice", 2, staged.digest, beside)
    assert other.served.model_digest("twice") == places.served.model_digest("twice")
    assert other.served.models() == {"twice": (1, 2)}


def test_another_file_beside_the_versions_counts_as_much(places, other):
    """Labels, say; what applies at once does not count."""
    staged = places.stage("twice", 2)
    (places.source_model("twice") / "contract.yaml").write_text("")
    other.ensure_staged("twice", 2, staged.digest, {staged.model_digest})
    other.forget("twice", 2)
    (places.source_model("twice") / "labels.txt").write_text("one")
    with pytest.raises(SourceChanged, match="other files beside it"):
        other.ensure_staged("twice", 2, staged.digest, {staged.model_digest})
    assert other.copied("twice") == {1}


def test_an_attempt_with_another_config_is_another_attempt(places, other):
    """The same version was tried there before, with the config that it failed with."""
    first = places.stage("twice", 2)
    other.put_in("twice", 2, first.digest, {first.model_digest})
    edit_config(places)
    second = places.stage("twice", 2)
    assert second.digest == first.digest
    other.put_in("twice", 2, second.digest, {second.model_digest})
    assert other.served.model_digest("twice") == second.model_digest != first.model_digest


def test_a_copy_made_with_another_config_is_made_anew(places):
    """Of an earlier attempt with the same version, which ended before it was served."""
    first = places.stage("twice", 2)
    before = edit_config(places)
    other = places.stage("twice", 2)
    (places.source_model("twice") / "config.pbtxt").write_text(before)
    places.ensure_staged("twice", 2, first.digest, {other.model_digest})
    assert "count: 400" in places.staged_config("twice", 2)
    places.ensure_staged("twice", 2, first.digest, {first.model_digest})
    assert "count: 400" not in places.staged_config("twice", 2)


def test_a_live_version_is_served_whatever_lies_beside_it_by_now(places):
    """It is there: another version has brought its own config since."""
    places.put_in("twice", 1, "", {"another"})


def under_way(places: Places, phase: Phase) -> ModelRecord:
    """A record of version 2 in that phase, as another host has staged it."""
    staged = places.stage("twice", 2)
    places.forget("twice", 2)
    record = begin(adopt("twice", {1: "one"}, (2,), 1.0), 2, DEFAULT_CANARY, "attempt", 2.0).record
    two = replace(
        record.versions[2], phase=phase, digest=staged.digest, model_digest=staged.model_digest
    )
    return replace(record, versions={**record.versions, 2: two})


async def test_what_was_copied_is_known_with_all_that_lay_beside_it(places):
    """It goes into the record."""
    works = Works(asyncio.Event())
    performer = Performer(
        works, places, Verifier(ControllerState(), places), Webhooks(WebhookSettings())
    )
    record = under_way(places, Phase.DETECTED)
    performer.begin(record, Work.STAGE)
    await eventually(lambda: works.done("attempt", 0.0), "it is copied")
    found = works.done("attempt", 0.0)[Work.STAGE]
    two = record.versions[2]
    assert (found.detail, found.model_digest) == (two.digest, two.model_digest)


async def test_no_host_verifies_what_was_not_dropped(places):
    """The one that had begun is gone; the config was edited meanwhile."""
    record = under_way(places, Phase.VERIFYING)
    edit_config(places)
    with pytest.raises(NotDone, match="another config of its model"):
        await Verifier(ControllerState(), places).verify(record, record.rollout)


async def test_no_host_loads_what_was_not_verified(scene):
    """It waits, and says why; the live version is served meanwhile."""
    record = under_way(scene.places, Phase.LOADING)
    edit_config(scene.places)
    live = scene.record.versions[1]
    scene.change(
        replace(scene.record, rollout=record.rollout, versions={**record.versions, 1: live})
    )
    scene.serving.tick()
    await eventually(
        lambda: "another config of its model" in scene.works.held_up_by("attempt"), "it says so"
    )
    assert scene.works.stopped("attempt") == ""
    assert scene.triton.loads == []
