"""Writes the tables of the canary's judge: ``python -m benchmarks.judge_power``."""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks.judge_power.page import PAGE, write_tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print the tables, and put them into the page."""
    options = _parse(arguments)
    with ProcessPoolExecutor(options.processes) as executor:
        written = write_tables(executor, options.same, options.bad, options.seed, options.page)
    print(written)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge_power", description=__doc__)
    parser.add_argument("--same", type=int, default=_SAME, help="rollouts of each good version")
    parser.add_argument("--bad", type=int, default=_BAD, help="rollouts of each bad version")
    parser.add_argument("--seed", type=int, default=_SEED, help="the same gives the same tables")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at the same time")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write them into")
    return parser.parse_args(arguments)


_SAME: Final = 500
_BAD: Final = 100
_SEED: Final = 5

if __name__ == "__main__":
    raise SystemExit(main())
