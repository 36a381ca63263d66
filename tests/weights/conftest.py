from collections.abc import Iterator

import pytest

from tests.weights.index_server import Index, serve


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serve(Index()) as served:
        monkeypatch.setenv("PIP_INDEX_URL", served.url)
        yield served
