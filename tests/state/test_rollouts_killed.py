"""Records of models when their writer is killed."""

import random
import time

from control.state.store import StateStore
from tests.support.databases import python
from tests.support.rollout_writer import ended_at, record_at
from tests.support.stack import wait_until

KILLS = 6
#: Longer than a commit takes: so a kill hits any point of one.
SPREAD_S = 0.01
WRITER = "import runpy; runpy.run_module('tests.support.rollout_writer', run_name='__main__')"


def write_and_kill(url: str, commits: int, delay_s: float) -> int:
    """Let a writer commit so often and a little more, kill it, and give what it has confirmed."""
    with python(WRITER, url) as writer:
        assert writer.stdout is not None
        confirmed = [int(writer.stdout.readline()) for _ in range(commits)]
        deadline_s = time.perf_counter() + delay_s
        while time.perf_counter() < deadline_s:
            pass  # any sleep would be longer
        writer.kill()
        confirmed += map(int, writer.stdout.read().split())
    assert confirmed == list(range(confirmed[0], confirmed[0] + len(confirmed)))
    return confirmed[-1]


def check_settled(store: StateStore) -> bool:
    """Check that history and audit trail tell of all changes; False if one came in between.

    A server may still be at the last COMMIT of a client that is gone.
    """
    record = store.rollouts.load_all().get("m")
    ended = {one.rollout.rollout for one in store.rollouts.history("m", 10_000)}
    entries = store.audit.load(10_000)
    if record is None or store.rollouts.load_all().get("m") != record:
        return False
    assert record == record_at(record.revision)
    assert ended == ended_at(record.revision)
    assert len(entries) == record.revision
    return True


def test_a_kill_leaves_a_change_whole_or_not_done(store: StateStore, database_url: str) -> None:
    """SIGKILL at any point: no revision is lost or half there, and the next writer goes on."""
    chance = random.Random(7)
    for _ in range(KILLS):
        confirmed = write_and_kill(database_url, chance.randint(1, 12), chance.random() * SPREAD_S)
        record = store.rollouts.load_all().get("m")
        assert record is not None
        assert record.revision in {confirmed, confirmed + 1}
        assert record == record_at(record.revision)
        wait_until(lambda: check_settled(store), "the last change has been written", 10.0)
