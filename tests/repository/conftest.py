from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.repository.source_models import write_model
from tests.repository.watched_source import COMPLETE, NEVER_S, POLL_S, Scene, watching


@pytest_asyncio.fixture(params=["notices", "polling"])
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """The scene with either way to notice."""
    notices = request.param == "notices"
    write_model(tmp_path / "source", "m", 1)
    poll_s = NEVER_S if notices else POLL_S
    async with watching(tmp_path / "source", with_notices=notices, poll_s=poll_s) as scene:
        await scene.becomes(COMPLETE, 1)
        yield scene
