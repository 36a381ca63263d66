"""Runs rollouts of every kind: ``python -m benchmarks.rollouts``."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.rollouts.report import PAGE, page
from benchmarks.rollouts.scenes import as_json, bad_versions, good_version, same_versions
from tests.e2e.rollouts.kinds import BAD_IN_TRAFFIC

T = TypeVar("T")

_EXAMPLES = ("filetype", "sentiment")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page if asked to; 1 where a promise was broken."""
    options = _parse(arguments)
    good = [_told(good_version(model, options.good_runs)) for model in options.good]
    bad = [_told(one) for kind in options.bad for one in bad_versions(kind, options.runs)]
    same = same_versions(options.same) if options.same else ([], 0, 0)
    text = page(bad, same, good, f" with {os.cpu_count()} cores")
    print(text)
    if options.write_docs:
        Path(PAGE).write_text(text)
    is_kept = (
        all(one.end == "rolled_back" and not one.failed and one.to_zero_s <= 1.0 for one in bad)
        and all(one.live == one.runs and not one.failed for one in good)
        and all(end == "live" for end in same[0])
        and not same[2]
    )
    return 0 if is_kept else 1


def _told(result: T) -> T:
    print(as_json(result), flush=True)
    return result


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollouts", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each bad version")
    parser.add_argument("--same", type=int, default=20, help="rollouts of an identical version")
    parser.add_argument("--bad", nargs="*", default=list(BAD_IN_TRAFFIC), help="which bad versions")
    parser.add_argument("--good", nargs="*", default=list(_EXAMPLES), help="which examples")
    parser.add_argument("--good-runs", type=int, default=3, help="of each example")
    parser.add_argument("--write-docs", action="store_true", help=f"write {PAGE}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
