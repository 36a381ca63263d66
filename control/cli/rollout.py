"""``seawall rollout``: how new versions of models come to all requests."""

import contextlib
import math
import time
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from control.cli.admin_client import AdminClient, Json, Unanswered
from control.cli.model_options import Model, Reason, model_path
from control.cli.rollout_view import PAST_COLUMNS, in_words, past_rows, view_of
from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err, fail, harmless, out, print_json

rollout_app = typer.Typer(no_args_is_help=True, help="Show and steer rollouts of versions.")

_REFRESH_S: Final = 0.5
_ALL: Final = "/rollouts"
_NOT_OURS: Final = (KeyError, TypeError, AttributeError, ValueError)

Meant = Annotated[
    int | None,
    typer.Option("--version", min=1, help="Only if this version is under way (default: any)."),
]
Watch = Annotated[bool, typer.Option("--watch", help="Go on showing it, until Ctrl-C.")]


@rollout_app.command("start")
def start(
    model: Model,
    version: Annotated[int, typer.Argument(min=1, help="The version.")],
    reason: Reason = "",
    config: ConfigFile = None,
) -> None:
    """Roll out a version that waits, or has been rolled back, rejected or retired before."""
    client = AdminClient(read_settings(config))
    body = {"version": version, "reason": reason}
    _tell(client, client.post(model_path(model, "rollout"), body))


@rollout_app.command("status")
def status(
    model: Annotated[str | None, typer.Argument(help="The model (default: all of them).")] = None,
    watch: Watch = False,  # noqa: FBT002 - a flag
    config: ConfigFile = None,
    as_json: JsonOutput = False,  # noqa: FBT002 - a flag
) -> None:
    """Show each version with its phase and why, and how the rollout under way does."""
    if watch and as_json:
        fail("--watch is for people, --json for scripts: give one of them")
    client = AdminClient(read_settings(config))
    path = _ALL if model is None else model_path(model, "rollout")
    document = client.get(path)
    if as_json:
        print_json(document)
        return
    try:
        view = view_of(_models_of(document))
    except _NOT_OURS:
        fail(client.not_ours())
    if watch:
        _go_on(client, path, view)
    else:
        out.print(view)


@rollout_app.command("history")
def history(model: Model, config: ConfigFile = None, as_json: JsonOutput = False) -> None:  # noqa: FBT002
    """Show the rollouts of a model that have ended, the last one first."""
    client = AdminClient(read_settings(config))
    client.show(model_path(model, "rollout/history"), PAST_COLUMNS, past_rows, as_json=as_json)


@rollout_app.command("pause")
def pause(
    model: Model, version: Meant = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Let the rollout stand where it is, until `resume`; it can still be rolled back."""
    _order(config, model, "pause", version, reason)


@rollout_app.command("resume")
def resume(
    model: Model, version: Meant = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Let the rollout go on by its steps."""
    _order(config, model, "resume", version, reason)


@rollout_app.command("promote")
def promote(
    model: Model, version: Meant = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Give the new version all requests now; once more, after its bake time: make it live."""
    _order(config, model, "promote", version, reason)


@rollout_app.command("rollback")
def rollback(
    model: Model, version: Meant = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Take the new version out now."""
    _order(config, model, "rollback", version, reason)


@rollout_app.command("weight")
def weight(
    model: Model,
    percent: Annotated[float, typer.Argument(min=0.0, max=100.0, help="Of the requests.")],
    version: Meant = None,
    reason: Reason = "",
    config: ConfigFile = None,
) -> None:
    """Give the new version this share of the requests, and let steps wait until `resume`."""
    if math.isnan(percent):  # it is neither below the least nor above the greatest
        fail("the weight must be a number from 0 to 100")
    client = AdminClient(read_settings(config))
    body = {"weight": percent, "version": version, "reason": reason}
    _tell(client, client.put(model_path(model, "rollout/weight"), body))


def _order(config: ConfigFile, model: str, order: str, version: int | None, reason: str) -> None:
    client = AdminClient(read_settings(config))
    body = {"version": version, "reason": reason}
    _tell(client, client.post(model_path(model, f"rollout/{order}"), body))


def _tell(client: AdminClient, document: Json) -> None:
    try:
        told = in_words(document)
    except _NOT_OURS:
        fail(client.not_ours())
    err.print(told, soft_wrap=True)


def _models_of(document: Json) -> Sequence[Json]:
    models: Sequence[Json] = document.get("models", [document])
    return models


def _go_on(client: AdminClient, path: str, view: RenderableType) -> None:
    """Show what there is twice a second; a controller that is away for a while is waited for."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(view, console=out, auto_refresh=False) as live,
    ):
        live.refresh()
        while True:
            time.sleep(_REFRESH_S)
            try:
                view = view_of(_models_of(client.poll(path)))
                live.update(view, refresh=True)
            except (Unanswered, *_NOT_OURS) as error:
                away = str(error) if isinstance(error, Unanswered) else client.not_ours()
                live.update(Group(view, Text(harmless(away), style="red")), refresh=True)
