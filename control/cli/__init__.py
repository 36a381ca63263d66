"""The command line ``seawall``: one module for each group of commands."""

import typer

from control.cli.check import check
from control.cli.contract import contract_app
from control.cli.models import models_app
from control.cli.quota import quota_app
from control.cli.serve import serve
from control.cli.status import status
from control.cli.token import token_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Seawall guards NVIDIA Triton.")
app.command()(serve)
app.command()(status)
app.command()(check)
app.add_typer(models_app, name="models")
app.add_typer(contract_app, name="contract")
app.add_typer(token_app, name="token")
app.add_typer(quota_app, name="quota")


def main() -> None:
    """Run the command line."""
    app()
