"""Versions that are tried apart: which servers run for them, on any host, whatever fails."""

import asyncio
import shutil
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from msgspec import structs

from control.controller.rollouts import apart
from control.controller.rollouts.apart import ServersApart
from control.controller.rollouts.works import Works
from control.core.canary_policy import CanaryPolicy, Isolation, VerificationPolicy
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.link.server_orders import ExtraServer
from tests.e2e.rollouts.versions import drop

POLICY = CanaryPolicy(verification=VerificationPolicy(load_timeout_s=3600.0))


class Servers:
    """The launcher's servers, none of which is real."""

    def __init__(self) -> None:
        self.running: dict[str, ExtraServer] = {}
        self.load_timeouts_s: list[float] = []

    async def all(self):
        """Those that run."""
        return list(self.running.values())

    async def start(self, name, folder, models, load_timeout_s):
        """Run one whose model is there."""
        self.load_timeouts_s.append(load_timeout_s)
        assert (folder / models[0] / "2" / "model.py").is_file()
        self.running[name] = ExtraServer(name, "unix:/x", "unix:/y", "127.0.0.1:1", "/pid")
        return self.running[name]

    async def stop(self, name):
        """Run it no more."""
        del self.running[name]


class Scene:
    """Models of which version 2 is being tried apart, on a host that has not staged it."""

    def __init__(self, places) -> None:
        self.records: dict[str, ModelRecord] = {}
        self.servers, self.places = Servers(), places
        self.works = Works(asyncio.Event())
        self.followed: list[str] = []
        self.apart = ServersApart(
            SimpleNamespace(records=lambda: self.records),
            self.servers,
            places,
            self.works,
            SimpleNamespace(follow=self._follow),
            "",
        )

    def begin(self, model: str, digest: str, model_digest: str = "") -> None:
        """Bring version 2 of a model to where it is loaded."""
        versions = {
            1: VersionRecord(1, Phase.LIVE, "", 0.0, "one"),
            2: VersionRecord(2, Phase.LOADING, "", 0.0, digest, model_digest=model_digest),
        }
        rollout = Rollout(f"of {model}", 2, 1, Isolation.OWN_SERVER, 0.0, POLICY)
        self.records[model] = ModelRecord(model, 5, 1, None, versions, rollout)

    async def until(self, is_so: Callable[[], object]) -> None:
        """Tick until something is so."""
        async with asyncio.timeout(10.0):
            while not is_so():
                await self.apart.tick()
                await asyncio.sleep(0.01)

    def digest(self) -> str:
        """What another host has found version 2 to be."""
        found = self.places.stage("twice", 2).digest
        self.places.forget("twice", 2)
        return found

    async def _follow(self, servers, _connect):
        self.followed = [one.name for one in servers]


@pytest.fixture
def scene(places):
    """The model ``twice``, and another one just like it."""
    shutil.copytree(places.source / "twice", places.source / "other")
    return Scene(places)


async def test_a_version_that_another_host_has_staged_gets_its_server_here_too(scene):
    """It is copied first; when its attempt is over, nothing of it is left."""
    scene.begin("twice", scene.digest())
    await scene.until(lambda: scene.followed == ["of twice"])
    assert scene.servers.load_timeouts_s == [3600.0], "it may take as long as its contract says"
    scene.records.clear()
    await scene.until(lambda: not scene.servers.running)
    assert scene.followed == []
    assert not scene.places.repository_apart("of twice").exists()


async def test_a_version_apart_has_the_config_that_it_was_verified_with(scene):
    """Another one lies there by now: that waits, and says so."""
    scene.begin("twice", scene.digest(), "another")
    await scene.until(lambda: "another config" in scene.works.held_up_by("of twice"))
    assert not scene.servers.running


async def test_a_version_that_cannot_be_copied_holds_up_no_other(scene, monkeypatch):
    """Its folder is not what it was: that waits, and says nothing of the version."""
    monkeypatch.setattr(apart, "_AGAIN_S", 0.05)
    digest = scene.digest()
    scene.begin("twice", digest)
    scene.begin("other", digest)
    drop(scene.places.source, 2, "nan")
    await scene.until(lambda: scene.followed == ["of other"])
    await scene.until(lambda: "other files here" in scene.works.held_up_by("of twice"))
    assert scene.works.stopped("of twice") == ""
    drop(scene.places.source, 2, "good")
    await scene.until(lambda: sorted(scene.followed) == ["of other", "of twice"])
    assert scene.works.held_up_by("of twice") == ""


async def test_a_copy_that_takes_its_time_holds_up_no_other(scene, monkeypatch):
    """A large version is copied while the servers of others are looked after."""
    digest, is_copied = scene.digest(), threading.Event()
    ensure_staged = type(scene.places).ensure_staged

    def slowly(places, model, version, digest, beside):
        if model == "twice":
            is_copied.wait(10.0)
        ensure_staged(places, model, version, digest, beside)

    monkeypatch.setattr(type(scene.places), "ensure_staged", slowly)
    scene.begin("twice", digest)
    scene.begin("other", digest)
    await scene.until(lambda: scene.followed == ["of other"])
    is_copied.set()
    await scene.until(lambda: "of twice" in scene.followed)


async def test_a_version_that_must_not_be_copied_ends_its_attempt(scene):
    """Only other content can mend it; it is not copied again meanwhile."""
    scene.begin("twice", scene.digest())
    (scene.places.source / "twice" / "config.pbtxt").write_text("max_batch_size: many")
    await scene.until(lambda: scene.works.stopped("of twice"))
    assert "max_batch_size" in scene.works.stopped("of twice")
    await scene.apart.tick()
    assert scene.apart._starting == {}


async def test_a_server_that_has_died_ends_its_attempt(scene):
    """It is not started again: whatever killed it must not go on."""
    scene.begin("twice", scene.digest())
    await scene.until(lambda: scene.servers.running)
    died = structs.replace(scene.servers.running["of twice"], exited=True, code=-11)
    scene.servers.running["of twice"] = died
    await scene.apart.tick()
    assert scene.works.stopped("of twice") == "its tritonserver has died by signal 11"
