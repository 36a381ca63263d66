"""``seawall contract``: contracts learned from traffic."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from rich.syntax import Syntax

from control.cli.admin_client import AdminClient
from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err, fail, out, print_json

contract_app = typer.Typer(no_args_is_help=True, help="Learn contracts from traffic.")


@contract_app.callback()
def _group() -> None:
    """Keep the group a group also while it has one command."""


@contract_app.command("learn")
def learn_contract(
    model: Annotated[str, typer.Argument(help="The model.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="The version (default: the newest that is ready).")
    ] = None,
    min_requests: Annotated[
        int | None, typer.Option(min=1, help="Requests that it takes to propose anything.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the proposed file there, for review.")
    ] = None,
    config: ConfigFile = None,
    as_json: JsonOutput = False,  # noqa: FBT002
) -> None:
    """Propose a contract from the traffic that the gateways have seen, as a diff for review."""
    client = AdminClient(read_settings(config))
    asked = {"version": version, "min_requests": min_requests}
    query = urlencode({key: value for key, value in asked.items() if value is not None})
    path = f"/models/{quote(model, safe='')}/contract/proposal"
    document = client.get(f"{path}?{query}" if query else path)
    try:
        contract, diff = str(document["contract"]), str(document["diff"])
        facts = _describe(document)
    except (KeyError, TypeError):
        fail(client.not_ours())
    if write is not None:
        _write(write, contract)
    if as_json:
        print_json(document)
        return
    for fact in facts:
        err.print(fact, soft_wrap=True)
    _print_diff(diff)


def _describe(document: Any) -> list[str]:  # noqa: ANN401 - a JSON document
    learned = (
        f"model '{document['model']}' version {document['version']}: learned from"
        f" {document['sketched']} of {document['requests']} requests"
    )
    return [learned, *(f"note: {note}" for note in document["notes"])]


def _write(path: Path, contract: str) -> None:
    try:
        path.write_text(contract, encoding="utf-8")
    except OSError as error:
        fail(f"'{path}' cannot be written: {error.strerror}")
    err.print(f"proposed contract written to '{path}'", soft_wrap=True)


def _print_diff(diff: str) -> None:
    if not diff:
        err.print("the present contract says all of it already")
    elif out.is_terminal:
        out.print(Syntax(diff.rstrip("\n"), "diff", background_color="default", word_wrap=True))
    else:
        # As it is: `git apply` reads it, and wrapped or padded lines would break it.
        typer.echo(diff, nl=False)
