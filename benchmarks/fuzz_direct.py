"""Sends the fuzz corpus to Triton alone and to Seawall, and tells what each made of it."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.fuzz.comparing import PATIENCE_S, GuardedTriton, Outcome, Target, send_one_by_one
from tests.fuzz.corpus import SEED, corpus
from tests.fuzz.direct_triton import DirectTriton
from tests.fuzz.repository import write_repository
from tests.support.stack import Stack

_TITLES: Final = {"direct": "Triton alone", "seawall": "through Seawall"}
_BEGIN: Final = "<!-- written by benchmarks/fuzz_direct.py -->"
_END: Final = "<!-- end -->"
_MIB: Final = 1024 * 1024

_ROWS: Final = {
    "death": "tritonserver died",
    "dead model": "a model's process died, and stayed dead",
    "no answer": f"no answer within {PATIENCE_S:g} s",
    "5xx": "5xx",
    "wrong": "200 with other values than the request holds",
    "accepted": "200 to a request that cannot be right",
    "inside": "errors that show file paths or stack frames",
    "good lost": "good requests without their right answer",
}
_CLASS_COLUMNS: Final = {
    "death": "deaths",
    "dead model": "dead models",
    "no answer": "no answer",
    "wrong": "wrong values",
    "accepted": "taken",
    "5xx": "5xx",
}
#: The guarded server must show none of these.
_HARM: Final = ("death", "dead model", "no answer", "wrong", "accepted", "inside", "good lost")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; 0: Seawall came through unharmed, 1: it did not."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended too
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="seawall-fuzz-") as folder:
        repository = write_repository(Path(folder) / "repository")
        for name in options.targets:
            with _started(name, repository, Path(folder)) as target:
                outcomes[name] = send_one_by_one(target, corpus(options.seed, options.share))
    text = report(outcomes)
    print(text)
    if options.write:
        write_into(options.write, text)
    guarded = outcomes.get("seawall", Outcome())
    return 1 if any(guarded.found[kind] for kind in _HARM) else 0


def report(outcomes: Mapping[str, Outcome]) -> str:
    """Show the totals of each target, then what each class of requests did to Triton alone."""
    tables = [summary_table(outcomes)]
    if "direct" in outcomes:
        tables.append(classes_table(outcomes["direct"]))
    return "\n\n".join(tables)


def summary_table(outcomes: Mapping[str, Outcome]) -> str:
    """Show the totals of each target."""
    ends = outcomes.values()
    rows = [
        ["", *(_TITLES[name] for name in outcomes)],
        ["---"] * (len(outcomes) + 1),
        ["mutated requests", *(str(one.requests.total()) for one in ends)],
        ["good requests in between", *(str(one.good) for one in ends)],
    ]
    for kind, words in _ROWS.items():
        rows.append([words, *(str(one.found[kind].total()) for one in ends)])
    peaks = (f"{one.peak_bytes // _MIB} MiB" for one in ends)
    rows.append(["most memory of a tritonserver that lived to tell", *peaks])
    return _markdown(rows)


def classes_table(outcome: Outcome) -> str:
    """Show what one target made of each class of requests, the deadliest first."""

    def counts(label: str) -> list[int]:
        return [outcome.found[kind][label] for kind in _CLASS_COLUMNS]

    harmful = [label for label in outcome.requests if any(counts(label)[:-1])]
    others = outcome.requests.keys() - set(harmful)
    rows = [["requests with", "sent", *_CLASS_COLUMNS.values()]]
    rows.append(["---"] * len(rows[0]))
    for label in sorted(harmful, key=counts, reverse=True):
        shown = (str(count or "") for count in counts(label))
        rows.append([label, str(outcome.requests[label]), *shown])
    sent = sum(outcome.requests[label] for label in others)
    failed = sum(outcome.found["5xx"][label] for label in others)
    rows.append([f"any of {len(others)} other changes", str(sent), "", "", "", "", "", str(failed)])
    return _markdown(rows)


def write_into(page: Path, text: str) -> None:
    """Put the tables between the marks of a page."""
    before, rest = page.read_text().split(_BEGIN)
    _, after = rest.split(_END)
    page.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}")


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@contextmanager
def _started(name: str, repository: Path, folder: Path) -> Iterator[Target]:
    print(f"start {name}", file=sys.stderr, flush=True)
    if name == "direct":
        with DirectTriton(repository, folder) as direct:
            yield direct
    else:
        with Stack(repository) as stack:
            yield GuardedTriton(stack)


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_direct", description=__doc__)
    names = ",".join(_TITLES)
    parser.add_argument("--targets", type=_words, default=list(_TITLES), help=f"of {names}")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the corpus (default {SEED})")
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of the corpus to send (default 1)"
    )
    parser.add_argument("--write", type=Path, help="page whose tables to write anew")
    options = parser.parse_args(arguments)
    if unknown := set(options.targets) - set(_TITLES):
        parser.error(f"unknown targets: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
