"""The embedded tritonserver serves Seawall's own copies, and takes a new version in beside them."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from control.check.model_config import read_config
from control.config import Settings
from control.launcher.scratch_server import ScratchServer, scratch_server
from control.repository.seeding import seed
from control.repository.served import ServedRepository
from control.repository.staging import stage
from control.triton.config_override import override
from control.triton.management import TritonAway
from tests.support.clients import infer_body, post
from tests.support.polls import eventually
from tests.support.relay import Relay
from tests.support.stack import TEST_MODELS, Stack, children_of, kill, wait_until

pytestmark = pytest.mark.triton

CONFIG = """
max_batch_size: 8
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
#: Both import a module of theirs late: its bytecode would be written while they serve.
PYTHON = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        from factor import times
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", times(
                pb_utils.get_input_tensor_by_name(one, "INPUT0").as_numpy()))])
            for one in requests
        ]
"""
GUARDED = """
class Model:
    def __init__(self, context):
        pass

    def compute(self, inputs):
        from factor import times
        return {"OUTPUT0": times(inputs["INPUT0"])}
"""
MODELS = {"python": ("model.py", PYTHON), "guarded": ("compute.py", GUARDED)}


def write_version(repository: Path, model: str, version: int) -> Path:
    """A version that multiplies by its number."""
    name, code = MODELS[model]
    folder = repository / model / str(version)
    folder.mkdir(parents=True)
    (folder / name).write_text(code)
    (folder / "factor.py").write_text(f"def times(values):\n    return values * {version}\n")
    return folder


@dataclass
class Place:
    """A source with one model of either backend, and a tritonserver on what is served of it."""

    source: Path
    served: ServedRepository
    server: ScratchServer
    http: str

    async def load(self, model: str, *versions: int) -> None:
        """Have tritonserver load exactly these versions."""
        config = read_config(self.served.folder / model)
        await self.server.index.load(model, override(config, versions))

    async def ask(self, model: str, version: int) -> list[float]:
        """What a version answers to 1 and 2."""
        path = f"/v2/models/{model}/versions/{version}/infer"
        body = infer_body([1.0, 2.0])
        status, answer = await asyncio.to_thread(post, self.http, path, body)
        assert status == 200, answer
        values: list[float] = answer["outputs"][0]["data"]
        return values

    def stubs(self, model: str) -> set[int]:
        """The processes of a model's versions."""
        pids = children_of(int(self.server.pid_file.read_text()))
        return {pid for pid in pids if f"{model}_0_0".encode() in command_of(pid)}


def command_of(pid: int) -> list[bytes]:
    """The command line of a process, nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


@contextlib.asynccontextmanager
async def placed(directory: Path) -> AsyncIterator[Place]:
    """Everything ready with version 1 of each model."""
    source = directory / "source"
    for model in MODELS:
        write_version(source, model, 1)
        (source / model / "config.pbtxt").write_text(f'backend: "{model}"\n{CONFIG}')
    served = ServedRepository(directory / "served", directory / "staged")
    seed(served, source)
    tree = {"triton": {"repository": str(served.folder), "exit_timeout_s": 3}}
    async with scratch_server(Settings.model_validate(tree)) as server:
        socket = Path(server.addresses.http_url.removeprefix("unix:"))
        async with asyncio.timeout(60):
            while not await ready(server, socket):
                await asyncio.sleep(0.05)
        relay = Relay(socket)
        try:
            yield Place(source, served, server, relay.address)
        finally:
            relay.close()


async def ready(server: ScratchServer, socket: Path) -> bool:
    """Whether everything is loaded."""
    try:
        entries = await server.index.read()
    except TritonAway:
        return False
    states = [one.state for one in entries]
    return states == ["READY"] * len(MODELS) and await asyncio.to_thread(socket.is_socket)


@pytest.mark.parametrize("model", MODELS)
async def test_a_version_that_is_put_in_leaves_the_live_one_alone(
    tmp_path: Path, model: str
) -> None:
    """Its process is the same before, while and after: nothing in its folder has changed."""
    async with placed(tmp_path) as place:
        assert await place.ask(model, 1) == [1.0, 2.0]
        (first,) = place.stubs(model)
        await place.load(model, 1)
        assert place.stubs(model) == {first}, "serving has changed nothing in its folder"
        staged = tmp_path / "staged" / model / "2"
        stage(write_version(place.source, model, 2), staged)
        place.served.put(model, 2, staged)
        await place.load(model, 1, 2)
        assert await place.ask(model, 1) == [1.0, 2.0]
        assert await place.ask(model, 2) == [2.0, 4.0]
        both = place.stubs(model)
        assert first in both
        assert len(both) == 2
        place.served.write_config(model, [2])
        await place.load(model, 2)
        await eventually(lambda: place.stubs(model) == both - {first}, "version 1 is gone")
        place.served.remove_version(model, 1)
        await place.load(model, 2)
        assert place.stubs(model) == both - {first}
        assert await place.ask(model, 2) == [2.0, 4.0]


def test_a_restart_comes_up_with_what_is_served(tmp_path: Path) -> None:
    """Whatever has become of the source since: not even its absence matters."""
    source = tmp_path / "models"
    shutil.copytree(TEST_MODELS, source, ignore=shutil.ignore_patterns("__pycache__"))
    with Stack(source) as stack:
        for file in source.glob("*/1/*.py"):
            file.write_text("raise SystemExit")
        (source / "identity" / "config.pbtxt").write_text("nonsense")
        before = stack.triton_pid
        kill(before)
        wait_until(lambda: stack.triton_pid != before, "a new tritonserver")
        wait_until(lambda: ready_stack(stack), "all models are ready", 60)
        assert post(stack.http, "/v2/models/identity/infer", infer_body([1.0]))[0] == 200
        stack.stop()
        shutil.rmtree(source)
        stack.start()
        assert post(stack.http, "/v2/models/identity/infer", infer_body([1.0]))[0] == 200
    log = stack.log.read_text()
    assert log.count('"event":"seeded"') == 1
    assert '"event":"repository_missing"' in log


def ready_stack(stack: Stack) -> bool:
    """Whether every model answers again."""
    return stack.get_status("/v2/health/ready") == 200
