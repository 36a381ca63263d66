"""What a record means for those who serve it."""

from dataclasses import replace

from control.core.rollout_begin import adopt
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.core.rollout_route import route_of
from tests.core.rollout_story import Story, whole


def test_only_versions_that_have_served_stand_in_for_live_ones():
    """Those that failed never do; and whoever is under way has a part of its own."""
    phases = {1: Phase.RETIRED, 2: Phase.LIVE, 3: Phase.ROLLED_BACK, 4: Phase.REJECTED}
    route = route_of(record_of(phases))
    assert (route.stable, route.live, route.retired) == (2, {2}, {1})
    story = Story(record=record_of(phases))
    story.knows(folders={number: whole(str(number)) for number in phases})
    story.to_canary(5)
    route = route_of(story.record)
    assert (route.stable, route.canary.version, route.retired) == (2, 5, {1})


def record_of(phases: dict[int, Phase]) -> ModelRecord:
    """A record of versions in these phases."""
    record = adopt("m", {number: str(number) for number in phases}, (), 0.0)
    versions = {
        number: replace(one, phase=phases[number]) for number, one in record.versions.items()
    }
    return replace(record, stable=2, versions=versions)
