"""Gauges of processes that have died."""

import os

from control.launcher.dead_gauges import forget_dead_gauges

#: No process has it: it is beyond the greatest.
NOBODY = 2**22 + 1


async def test_gauges_go_with_their_process_and_counters_stay(tmp_path):
    """What a killed worker had in flight is over; what it has counted has happened."""
    kept = [f"gauge_livemax_{os.getpid()}.db", f"counter_{NOBODY}.db", f"histogram_{NOBODY}.db"]
    for name in [*kept, f"gauge_livemax_{NOBODY}.db", f"gauge_livesum_{NOBODY}.db"]:
        (tmp_path / name).touch()
    await forget_dead_gauges(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(kept)
