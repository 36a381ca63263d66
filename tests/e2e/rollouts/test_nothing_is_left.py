"""Versions come and go for as long as a model lives: nothing of those that are gone is left."""

import shutil

import pytest

from tests.e2e.rollouts.traffic import SteadyTraffic
from tests.e2e.rollouts.versions import drop
from tests.e2e.rollouts.watching import phase, rollout, version, wait_for
from tests.support.stack import wait_until

pytestmark = pytest.mark.triton


def test_copies_go_with_their_versions_and_a_number_may_come_back(stack, repository):
    """An author who keeps only the newest folder takes the others away at any moment."""
    model = repository / "twice"
    with SteadyTraffic(stack.http) as clients:
        drop(repository, 2, "good")
        wait_for(stack, 2, "canary")
        shutil.rmtree(model / "1")
        wait_for(stack, 2, "live")
        for kind in ("fails", "raises"):
            drop(repository, 3, kind)
            wait_for(stack, 3, "rejected", "rolled_back")
            shutil.rmtree(model / "3")
            wait_until(lambda: not version(stack, 3), "it is forgotten")
        drop(repository, 3, "good")
        wait_for(stack, 3, "loading", "canary")
        shutil.rmtree(model / "3")
        wait_until(lambda: not version(stack, 3), "it is taken back, and forgotten")
        drop(repository, 3, "good")
        shutil.rmtree(model / "2")
        wait_for(stack, 3, "live")
        wait_until(lambda: _copies(stack) == {"served/3", "staged/3.model"}, "all others are gone")
    assert clients.traffic.failed == []
    assert (phase(stack, 1), phase(stack, 2)) == ("", "")
    ended = stack.ask_admin("GET", "/models/twice/rollout/history")["rollouts"]
    assert [(one["version"], one["outcome"]) for one in ended] == [
        (3, "live"),
        (3, ended[1]["outcome"]),
        (3, "rejected"),
        (3, "rolled_back"),
        (2, "live"),
    ]
    assert rollout(stack)["stable"] == 3


def _copies(stack) -> set[str]:
    folders = (stack.state / place / "twice" for place in ("served", "staged"))
    left = {
        f"{folder.parent.name}/{one.name}"
        for folder in folders
        for one in folder.iterdir()
        if one.is_dir()
    }
    workshop = {one.name for one in (stack.state / "staged").iterdir()} - {"twice", ".apart"}
    return left | workshop
