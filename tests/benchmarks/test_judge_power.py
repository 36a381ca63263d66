"""The tables of the canary's judge."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

from benchmarks.judge_power.page import PAGE, write_tables
from benchmarks.judge_power.rollouts import run_steps
from benchmarks.judge_power.tables import (
    POWER_HEAD,
    SAME_HEAD,
    Case,
    power_table,
    same_cases,
    simulate_all,
)
from benchmarks.judge_power.worlds import World
from control.core.canary_policy import CanaryPolicy


def headings(page: str) -> list[str]:
    """The headings of a page, and the heads of its tables without their padding."""
    lines = page.splitlines()
    heads = [line for line, rule in pairwise(lines) if rule.startswith("| --")]
    return [line for line in lines if line.startswith("#")] + [
        " ".join(head.split()) for head in heads
    ]


def test_the_page_is_what_the_program_writes(tmp_path: Path) -> None:
    """Simulated anew, in small, the page has the same headings and tables."""
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    with ThreadPoolExecutor(1) as executor:
        tables = write_tables(executor, 1, 1, 5, page)
    assert tables in page.read_text()
    assert headings(page.read_text()) == headings(PAGE.read_text())
    for head in (SAME_HEAD, POWER_HEAD):
        assert f"| {' | '.join(head)} |" in headings(tables)


def test_a_version_that_always_fails_is_in_the_table() -> None:
    """It is stopped in each rollout, and the row says after how many calls."""
    policy, world = CanaryPolicy(), World(canary_failures=1.0)
    case = Case(("all", "rollout"), lambda chance: run_steps(policy, world, chance))
    with ThreadPoolExecutor(1) as executor:
        last = power_table(executor, iter([case]), 3, 5).splitlines()[-1]
    cells = [cell.strip() for cell in last.split("|")[1:-1]]
    assert len(cells) == len(POWER_HEAD)
    assert cells[2] == "100 %"
    assert cells[3].startswith("3")


def test_the_same_seed_gives_the_same_rollouts() -> None:
    """Chance comes from the seed alone."""
    case = next(same_cases())
    assert simulate_all(case.simulate, 2, 5) == simulate_all(case.simulate, 2, 5)
