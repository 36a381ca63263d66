"""``seawall cache``: the cached answers of a model."""

from collections.abc import Iterator, Sequence
from typing import Final

import typer

from control.cli.admin_client import AdminClient, Json
from control.cli.model_options import (
    Model,
    Reason,
    Version,
    gateways_of,
    in_words,
    model_path,
    one_line,
)
from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err

cache_app = typer.Typer(no_args_is_help=True, help="Show and purge cached answers.")

_NOW: Final = ("gateway", "entries", "bytes", "hits", "misses", "shared")


@cache_app.command("show")
def show_cache(model: Model, config: ConfigFile = None, as_json: JsonOutput = False) -> None:  # noqa: FBT002
    """Show what each gateway holds of each version, and how often it served."""
    client = AdminClient(read_settings(config))
    path = model_path(model, "cache")
    client.show(path, ("version", "contract", *_NOW), _rows, as_json=as_json)


@cache_app.command("purge")
def purge(
    model: Model, version: Version = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Forget all cached answers, in every gateway."""
    path = model_path(model, "cache", version=version, reason=reason)
    AdminClient(read_settings(config)).delete(path)
    err.print(f"{in_words(model, version)}: no cached answers are left", soft_wrap=True)


def _rows(document: Json) -> Iterator[Sequence[object]]:
    for version in document["versions"]:
        for one in gateways_of(version):
            yield [version["version"], one_line(version["contract"]), *(one.get(k) for k in _NOW)]
