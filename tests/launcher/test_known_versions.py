"""A host without anything to serve asks the database what is live."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from control.config import Settings
from control.controller.rollouts.live_by_records import live_by_records
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, VersionRecord
from control.launcher.first_start import prepare_served
from control.launcher.known_versions import known_versions
from control.repository.content import content_digest
from control.repository.model_files import model_digest
from control.repository.seeding import Live, SeedingStopped
from control.repository.served import ServedRepository
from control.runtime import RuntimePaths
from control.state.audit import Act
from tests.repository.source_models import write_plain_model
from tests.support.databases import open_store

ONE = VersionRecord(1, Phase.LIVE, "", 1.0, "one", model_digest="beside")
TWO = VersionRecord(2, Phase.REJECTED, "it hangs", 2.0, "two", model_digest="other")
RECORD = ModelRecord("m", stable=1, versions={1: ONE, 2: TWO})


@pytest.fixture
def paths(tmp_path: Path) -> RuntimePaths:
    """A fresh state directory."""
    made = RuntimePaths(tmp_path / "var")
    made.run.mkdir(parents=True)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a database of other hosts."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    return Settings.model_validate({"state": {"database_url": url}})


def keep(url: str, *records: ModelRecord) -> None:
    """Let other hosts have these records."""
    store = open_store(url)
    for record in records:
        store.rollouts.commit(None, record, Act("test", "", 1.0), "changed")
    store.close()


def test_only_what_is_live_counts() -> None:
    """A model of which nothing is live yet is the rollouts' alone."""
    new = ModelRecord("new", versions={1: replace(TWO, version=1)})
    known = live_by_records([RECORD, new])
    assert known == {"m": {1: Live("one", frozenset({"beside"}))}}


async def test_a_fresh_host_serves_what_the_records_say(
    settings: Settings, paths: RuntimePaths, tmp_path: Path
) -> None:
    """And not the rejected version, for which the config asks."""
    model = write_plain_model(tmp_path / "source", "m", 1, 2)
    digests = {"digest": content_digest(model / "1"), "model_digest": model_digest(model, "m")}
    first = replace(ONE, **digests)
    keep(settings.state.database_url, replace(RECORD, versions={1: first, 2: TWO}))
    stop = asyncio.Event()
    served = ServedRepository(paths.served, paths.staged)

    async def ask() -> object:
        return await known_versions(settings, paths, stop)

    await prepare_served(served, model.parent, stop.is_set, ask)
    assert served.models() == {"m": (1,)}
    assert served.live_versions("m") == (1,)


async def test_without_records_the_config_says_what_is_served(
    settings: Settings, paths: RuntimePaths
) -> None:
    """The first host of all; one with a database of its own has not made that yet."""
    keep(settings.state.database_url)
    assert await known_versions(settings, paths, asyncio.Event()) is None
    assert await known_versions(Settings(), paths, asyncio.Event()) is None
    assert not paths.database.exists()


async def test_a_database_of_its_own_is_asked_too(paths: RuntimePaths) -> None:
    """Somebody has removed the copies, and nothing else."""
    keep(f"sqlite:///{paths.database}", RECORD)
    assert await known_versions(Settings(), paths, asyncio.Event()) == live_by_records([RECORD])


async def test_a_database_that_is_away_is_asked_until_it_answers(
    settings: Settings, paths: RuntimePaths, tmp_path: Path
) -> None:
    """Nothing is guessed; a stop ends the waiting."""
    file, kept, link = tmp_path / "shared.db", tmp_path / "kept.db", tmp_path / "link"
    file.symlink_to(tmp_path)
    stop = asyncio.Event()
    asking = asyncio.create_task(known_versions(settings, paths, stop, again_s=0.1))
    await asyncio.sleep(1.0)
    assert not asking.done()
    keep(f"sqlite:///{kept}", RECORD)
    link.symlink_to(kept)
    link.replace(file)  # at once: where there is no file, whoever asks makes an empty one
    assert await asking == live_by_records([RECORD])
    file.unlink()
    file.mkdir()
    asking = asyncio.create_task(known_versions(settings, paths, stop, again_s=60.0))
    began_s = time.monotonic()
    stop.set()
    with pytest.raises(SeedingStopped):
        await asking
    assert time.monotonic() - began_s < 30.0
