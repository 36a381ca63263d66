import pytest
from golden_requests import Models


@pytest.fixture(scope="session")
def models() -> Models:
    return Models()
