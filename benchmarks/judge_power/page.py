"""Puts the tables into their page, between two marks; the rest of the page is written by hand."""

from concurrent.futures import Executor
from pathlib import Path
from typing import Final

from benchmarks.judge_power.tables import (
    NOTE,
    failing_cases,
    late_cases,
    power_table,
    same_table,
    slow_cases,
)

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "canary-judge.md"
_BEGIN, _END = "<!-- simulated: begin -->\n", "<!-- simulated: end -->\n"


def write_tables(executor: Executor, same: int, bad: int, seed: int, page: Path) -> str:
    """Simulate so many rollouts of each version, good or bad, and write what came out."""
    before, rest = page.read_text().split(_BEGIN)
    _, after = rest.split(_END)
    tables = _tables(executor, same, bad, seed)
    page.write_text(f"{before}{_BEGIN}{tables}{_END}{after}")
    return tables


def _tables(executor: Executor, same: int, bad: int, seed: int) -> str:
    return f"""
### A version just like stable

{same_table(executor, same, seed)}

### A version that fails, beside a stable that never does

{power_table(executor, failing_cases(0.0), bad, seed)}

### The same, beside a stable that fails on 1 % of its calls

{power_table(executor, failing_cases(0.01), bad, seed)}

### A version that is slow

{power_table(executor, slow_cases(), bad, seed)}

### A version that goes bad after two good minutes at 50 %

{power_table(executor, late_cases(), bad, seed)}

{NOTE}

{same} rollouts of each version just like stable, {bad} of each other one; seed {seed}.

"""
