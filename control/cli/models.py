"""``seawall models``: work with the model repository."""

from pathlib import Path
from typing import Annotated

import typer

from control.cli.settings import ConfigFile, read_settings
from control.cli.terminal import err, fail
from control.weights.errors import WeightsError
from control.weights.fetch import fetch_weights
from control.weights.progress import RichProgress

models_app = typer.Typer(no_args_is_help=True, help="Work with the model repository.")


@models_app.callback()
def _group() -> None:
    """Keep the group a group also while it has one command."""


@models_app.command("fetch")
def fetch_models(
    config: ConfigFile = None,
    repository: Annotated[Path | None, typer.Option(help="Model repository.")] = None,
) -> None:
    """Fetch the weights that the repository's models name, checked and cached."""
    settings = read_settings(config, {"triton.repository": repository})
    try:
        with RichProgress(err) as progress:
            report = fetch_weights(
                settings.triton.repository, settings.weights.cache_dir, progress=progress
            )
    except WeightsError as error:
        fail(str(error))
    placed, present = len(report.placed), len(report.present)
    err.print(f"weights: {placed} file(s) put in place, {present} already there and right")
