"""What tritonserver is given to serve when Seawall starts."""

import asyncio
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from control.config import TritonSettings
from control.launcher import first_start
from control.launcher.first_start import prepare_served
from control.launcher.tritonserver import EmbeddedTriton, Loads
from control.repository.seeding import SeedingStopped
from control.repository.served import ServedRepository
from control.runtime import RuntimePaths
from tests.repository.crash_points import names_in
from tests.repository.source_models import write_files, write_plain_model
from tests.support.stack import ROOT, free_port, wait_until


@pytest.fixture
def paths(tmp_path: Path) -> RuntimePaths:
    """A state directory of its own."""
    return RuntimePaths(tmp_path / "var")


@pytest.fixture
def served(paths: RuntimePaths) -> ServedRepository:
    """What is served from there."""
    return ServedRepository(paths.served, paths.staged)


async def prepare(served: ServedRepository, source: Path) -> None:
    """Start, and do not stop."""
    await prepare_served(served, source, lambda: False)


async def test_only_the_first_start_takes_versions_over(
    tmp_path: Path, served: ServedRepository
) -> None:
    """What is dropped later has to prove itself, whatever was restarted meanwhile."""
    source = tmp_path / "source"
    write_plain_model(source, "m", 1)
    await prepare(served, source)
    write_plain_model(source, "m", 2)
    write_plain_model(source, "other", 1)
    await prepare(served, source)
    assert served.models() == {"m": (1,)}
    shutil.rmtree(source)
    await prepare(served, source)
    assert served.inspect().loadable == ["m"]


async def test_a_start_takes_over_no_config_that_nobody_has_verified(
    tmp_path: Path, served: ServedRepository
) -> None:
    """A rejected version may have left one with which the live version does not load."""
    source = tmp_path / "source"
    model = write_plain_model(source, "m", 1)
    await prepare(served, source)
    before = (served.folder / "m" / "config.pbtxt").read_text()
    config = model / "config.pbtxt"
    config.write_text(config.read_text().replace("onnxruntime", "onnxrntime"))
    write_files(model, {"labels.txt": "one"})
    await prepare(served, source)
    assert (served.folder / "m" / "config.pbtxt").read_text() == before
    assert not (served.folder / "m" / "labels.txt").exists()


async def test_a_source_that_cannot_be_seen_keeps_nothing_from_being_served(
    tmp_path: Path, served: ServedRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that is served is a copy."""
    source = tmp_path / "source"
    write_plain_model(source, "m", 1)
    await prepare(served, source)
    (tmp_path / "closed").symlink_to("x" * 300)  # looking at it fails for root, too
    await prepare(served, tmp_path / "closed")
    assert "repository_unseen" in "".join(capsys.readouterr())


async def test_a_start_waits_for_no_source_that_hangs(
    tmp_path: Path,
    served: ServedRepository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is looked at only to say what has changed."""
    write_plain_model(tmp_path / "source", "m", 1)
    await prepare(served, tmp_path / "source")
    answers = threading.Event()
    monkeypatch.setattr(first_start, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(first_start, "_changes", lambda *_: answers.wait(30))
    async with asyncio.timeout(10):
        await prepare(served, tmp_path / "source")
    answers.set()
    assert "repository_unseen" in "".join(capsys.readouterr())


async def test_a_start_removes_what_a_killed_one_has_left(
    tmp_path: Path, served: ServedRepository, paths: RuntimePaths
) -> None:
    """Drafts are of no use to anybody; staged versions are."""
    write_plain_model(tmp_path / "source", "m", 1)
    for _ in range(2):
        write_files(paths.staged, {".draft-x/served/m/1/a": "x", "m/2/a": "x"})
        await prepare(served, tmp_path / "source")
        assert names_in(paths.staged) == {"m", "m/2", "m/2/a"}


async def test_a_stop_ends_the_first_copying(tmp_path: Path, served: ServedRepository) -> None:
    """The next start begins it anew."""
    write_plain_model(tmp_path / "source", "m", 1)
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(SeedingStopped):
        await prepare_served(served, tmp_path / "source", stop.is_set)
    assert not served.exists()


def test_a_signal_while_it_copies_ends_seawall(tmp_path: Path) -> None:
    """However much there is to copy: nothing is served, and nothing is left."""
    source = tmp_path / "source"
    version = write_plain_model(source, "m", 1) / "1"
    write_files(version, dict.fromkeys((f"part/{number}" for number in range(5000)), "x" * 10_000))
    command = [sys.executable, "-m", "control", "serve", "--repository", str(source)]
    for name in ("gateway", "metrics", "admin"):
        settings = (tmp_path / "seawall.toml").open("a")
        settings.write(f'[{name}]\nhttp = "127.0.0.1:{free_port()}"\n')
        settings.close()
    with (tmp_path / "seawall.toml").open("a") as settings:
        settings.write(f'[state]\ndir = "{tmp_path / "var"}"\n')
    running = subprocess.Popen(
        [*command, "--config", str(tmp_path / "seawall.toml")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: any((tmp_path / "var" / "staged").rglob("part")), "it copies")
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0
    assert not (tmp_path / "var" / "served").exists()
    assert names_in(tmp_path / "var" / "staged") == set()


@pytest.mark.triton
async def test_each_start_loads_what_there_is_then(paths: RuntimePaths, tmp_path: Path) -> None:
    """A model that was added while tritonserver ran is there after its restart."""
    paths.run.mkdir(parents=True)
    models = ["first"]
    served = tmp_path / "served"
    triton = EmbeddedTriton(TritonSettings(), paths, "secret", served, lambda: Loads(models))
    plan = triton.child_plan()
    assert f"--model-repository={served}" in plan.command
    models.append("second")
    await plan.prepare()
    loaded = [one for one in plan.command if one.startswith("--load-model")]
    assert loaded == ["--load-model=first", "--load-model=second"]
