from pathlib import Path

import pytest

from control.quotas.region_file import CannotShare, Layout, RegionFile
from control.quotas.shared_counters import SPARE_REGIONS, SharedCounters
from tests.quotas.conftest import Clock, MakeCounters


def test_each_process_has_a_region_of_its_own(tmp_path: Path) -> None:
    """No two hold one region, and what one writes in its own the other reads."""
    layout = Layout(regions=2, region_words=100)
    one, other = RegionFile(tmp_path / "file", layout), RegionFile(tmp_path / "file", layout)
    assert (one.own, other.own) == (0, 1)
    one.words[layout.start_of(0)] = 2**64 - 1
    assert other.words[layout.start_of(0)] == 2**64 - 1
    with pytest.raises(CannotShare, match="all 2 regions"):
        RegionFile(tmp_path / "file", layout)
    one.close()
    assert (other.is_held(0), other.is_held(1)) == (False, True)
    third = RegionFile(tmp_path / "file", layout)
    assert third.own == 0
    for file in (other, third):
        file.close()


def test_a_file_of_another_shape_is_left_alone(tmp_path: Path) -> None:
    """It may be mapped by others: cutting it would kill them."""
    first = RegionFile(tmp_path / "file", Layout(regions=4, region_words=100))
    with pytest.raises(CannotShare, match="another number of workers"):
        RegionFile(tmp_path / "file", Layout(regions=2, region_words=100))
    first.close()


def test_the_file_is_its_owners_only(tmp_path: Path) -> None:
    """Nobody else on the machine reads who called how often."""
    file = RegionFile(tmp_path / "file", Layout(regions=1, region_words=1))
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    file.close()


def test_a_successor_keeps_windows_and_forgets_requests_in_flight(
    make_counters: MakeCounters, clock: Clock
) -> None:
    """What was let in counts on; what was under way died with the worker."""
    first = make_counters()
    assert first.windows.take(first.windows.key("a"), 10, 60, 7)
    assert first.in_flight.acquire(first.in_flight.key("a"), 10)
    first.close()
    second = make_counters()
    assert second.file.own == 0
    assert second.windows.used(second.windows.key("a"), 60) == 7
    assert second.in_flight.count(second.in_flight.key("a")) == 0
    clock.advance(30.0)
    assert second.windows.take(second.windows.key("a"), 10, 60, 3)
    assert not second.windows.take(second.windows.key("a"), 10, 60, 1)


def test_gateways_of_other_servers_find_room(make_counters: MakeCounters) -> None:
    """There are more regions than configured workers, and then there are none."""
    made: list[SharedCounters] = [make_counters() for _ in range(2 + SPARE_REGIONS)]
    assert [one.file.own for one in made] == list(range(2 + SPARE_REGIONS))
    with pytest.raises(CannotShare):
        make_counters()
