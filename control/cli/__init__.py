"""The command line ``seawall``: one module for each group of commands."""

import typer

from control.cli.audit import audit
from control.cli.breaker import breaker_app
from control.cli.cache import cache_app
from control.cli.check import check
from control.cli.contract import contract_app
from control.cli.limits import limits_app
from control.cli.models import models_app
from control.cli.profile import profile
from control.cli.quota import quota_app
from control.cli.rollout import rollout_app
from control.cli.serve import serve
from control.cli.status import status
from control.cli.token import token_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Seawall guards NVIDIA Triton.")
app.command()(serve)
app.command()(status)
app.command()(check)
app.command()(profile)
app.command()(audit)
app.add_typer(models_app, name="models")
app.add_typer(contract_app, name="contract")
app.add_typer(token_app, name="token")
app.add_typer(quota_app, name="quota")
app.add_typer(limits_app, name="limits")
app.add_typer(rollout_app, name="rollout")
app.add_typer(breaker_app, name="breaker")
app.add_typer(cache_app, name="cache")


def main() -> None:
    """Run the command line."""
    app()
