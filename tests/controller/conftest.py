from pathlib import Path

import pytest

from tests.controller.contract_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A model without a contract file."""
    return Desk(tmp_path)
