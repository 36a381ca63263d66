import pytest

from tests.model_repository.golden_requests import Models


@pytest.fixture(scope="session")
def models() -> Models:
    return Models()
