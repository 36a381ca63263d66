"""One version is brought up beside others in a real tritonserver, and only it can fail by that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.triton.management import LoadFailed
from tests.triton.loaded_server import MODEL, LoadedServer, loaded_server, put, put_good

pytestmark = pytest.mark.triton

LONG_S = 60.0
RAISES = (
    "class TritonPythonModel:\n    def initialize(self, args):\n        raise OSError('no GPU')\n"
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LoadedServer]:
    """One with version 1."""
    async with loaded_server(tmp_path) as one:
        yield one


async def test_a_version_is_loaded_beside_those_that_are_ready(server: LoadedServer) -> None:
    """Whatever the caller knows of them: what has come up meanwhile stays."""
    put_good(server.repository, 2)
    put_good(server.repository, 3)
    before = server.stubs(1)
    await server.loader.add(MODEL, 2, {2}, LONG_S)
    await server.loader.add(MODEL, 3, {1, 3}, LONG_S)
    assert await server.ready() == {1, 2, 3}
    await server.loader.add(MODEL, 3, {3}, LONG_S)
    assert server.stubs(1) == before


async def test_what_does_not_load_takes_no_other_with_it(server: LoadedServer) -> None:
    """In one load with it, Triton would take the good one down, and name only the bad one."""
    put(server.repository, 2, RAISES)
    put_good(server.repository, 3)
    await server.loader.load(MODEL, (), LONG_S)
    with pytest.raises(LoadFailed) as failed:
        await server.loader.load(MODEL, {2, 3}, LONG_S)
    assert (set(failed.value.by_version), await server.ready()) == ({2}, set())
    with pytest.raises(LoadFailed, match="no GPU"):
        await server.loader.add(MODEL, 2, {2, 3}, LONG_S)
    await server.loader.add(MODEL, 3, {2, 3}, LONG_S)
    assert await server.ready() == {3}
    with pytest.raises(LoadFailed, match="no GPU"):
        await server.loader.add(MODEL, 2, {2, 3}, LONG_S)
    assert await server.ready() == {3}
