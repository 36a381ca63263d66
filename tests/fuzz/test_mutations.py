"""A corpus of mutated requests against a running Seawall: none of them may cost anything."""

import pytest

from tests.fuzz.corpus import Case, corpus
from tests.fuzz.running import EVERY, send_all

pytestmark = pytest.mark.triton

_SHOWN = 20


@pytest.fixture(scope="session")
def cases() -> list[Case]:
    """The whole corpus."""
    return list(corpus())


def test_no_mutated_request_harms_anything(fuzzed, cases):
    """Each is refused in our form, or answered rightly; every good one in between is answered."""
    sent = cases[:: fuzzed.every]
    run = send_all(fuzzed.address, sent, fuzzed.secrets)
    assert run.complaints[:_SHOWN] == []
    assert run.good >= len(sent) // EVERY
    assert len(run.statuses) >= 6  # the corpus reaches past the parser
