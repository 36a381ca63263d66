import pytest

from tests.e2e.contracts.examples import Examples, copy_examples
from tests.support.stack import Stack


@pytest.fixture(scope="package")
def examples(tmp_path_factory: pytest.TempPathFactory):
    """One Seawall for all contract tests: starting it takes longer than they do."""
    repository = tmp_path_factory.mktemp("repository")
    copy_examples(repository)
    with Stack(repository) as stack:
        yield Examples(stack, repository)
