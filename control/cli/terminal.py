"""What commands print, and how they fail."""

import json
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table

# No markup: what is shown comes from Triton, models and operators, with brackets of any kind.
out: Final = Console(highlight=False, markup=False, emoji=False)
err: Final = Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(document: Any) -> None:  # noqa: ANN401 - a JSON document
    """Print a document for scripts."""
    out.print_json(json.dumps(document))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows for people; what is None stays empty."""
    out.print(table_of(columns, rows))


def table_of(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Make a table for people; what is None stays empty."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*("" if one is None else harmless(str(one)) for one in row))
    return table


def harmless(text: str) -> str:
    """Take out what a terminal would obey: much of what is shown was written by others."""
    return "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )


def fail(message: str) -> NoReturn:
    """Say why the command cannot be done, and end with status 2."""
    err.print(f"seawall: {message}", style="red", soft_wrap=True)
    raise typer.Exit(2)
