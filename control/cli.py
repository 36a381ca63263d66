"""The command line ``seawall``."""

import asyncio
import http.client
import json
import os
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from control.config import ConfigError, Settings, load_settings
from control.launcher.launch import LaunchError, launch
from control.observability.logs import configure_logs
from control.triton.address import parse_address
from control.triton.installation import TritonNotInstalled
from control.weights.errors import WeightsError
from control.weights.fetch import fetch_weights
from control.weights.progress import RichProgress

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Seawall guards NVIDIA Triton.")
models_app = typer.Typer(no_args_is_help=True, help="Work with the model repository.")
app.add_typer(models_app, name="models")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings file (default: seawall.toml if there).")
]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_STATUS_PATH = "/admin/v1/status"
_ANSWER_TIMEOUT_S = 5.0
_OK = 200

# No markup: reasons come from Triton and from models, and may hold brackets of any kind.
_out = Console(highlight=False, markup=False, emoji=False)
_err = Console(stderr=True, highlight=False)


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def serve(
    config: ConfigFile = None,
    repository: Annotated[Path | None, typer.Option(help="Model repository.")] = None,
    triton_url: Annotated[
        str | None, typer.Option(help="HTTP address of an external Triton.")
    ] = None,
    triton_grpc_url: Annotated[
        str | None, typer.Option(help="gRPC address of an external Triton.")
    ] = None,
    http: Annotated[str | None, typer.Option(help="Address for clients, host:port.")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="State directory.")] = None,
) -> None:
    """Start Triton, gateways and controller, and keep them running until Ctrl-C."""
    settings = _settings(
        config,
        {
            "triton.repository": repository,
            "triton.http_url": triton_url,
            "triton.grpc_url": triton_grpc_url,
            "gateway.http": http,
            "state.dir": state_dir,
        },
    )
    configure_logs("launcher", level=settings.log.level, form=settings.log.format)
    if not settings.triton.http_url:
        _err.print(f"starting tritonserver on {settings.triton.repository}, loading its models …")
    try:
        asyncio.run(launch(settings, _print_welcome))
    except (LaunchError, TritonNotInstalled) as error:
        _fail(str(error))


@app.command()
def status(config: ConfigFile = None, as_json: JsonOutput = False) -> None:  # noqa: FBT002
    """Show what the controller knows: Triton, models, versions, gateways."""
    settings = _settings(config, {})
    document = _read_status(settings.admin.http)
    if as_json:
        _out.print_json(json.dumps(document))
        return
    try:
        summary, table = _describe_status(document)
    except (KeyError, TypeError):
        _fail(f"what answers at {settings.admin.http} is not Seawall's controller")
    _out.print(summary)
    _out.print(table)


@models_app.command("fetch")
def fetch_models(
    config: ConfigFile = None,
    repository: Annotated[Path | None, typer.Option(help="Model repository.")] = None,
) -> None:
    """Fetch the weights that the repository's models name, checked and cached."""
    settings = _settings(config, {"triton.repository": repository})
    try:
        with RichProgress(_err) as progress:
            report = fetch_weights(
                settings.triton.repository, settings.weights.cache_dir, progress=progress
            )
    except WeightsError as error:
        _fail(str(error))
    placed, present = len(report.placed), len(report.present)
    _err.print(f"weights: {placed} file(s) put in place, {present} already there and right")


def _describe_status(document: Any) -> tuple[str, Table]:  # noqa: ANN401 - a JSON document
    triton = document["triton"]
    up = "up" if triton["up"] else f"down ({triton['reason']})"
    table = Table("model", "version", "ready", "reason")
    for one in document["models"]:
        ready = "yes" if one["ready"] else "no"
        table.add_row(one["model"], str(one["version"]), ready, one["reason"])
    revision = document["revision"]
    return f"triton {up}, {document['gateways']} gateway(s), revision {revision}", table


def _settings(config: Path | None, flags: dict[str, Any]) -> Settings:
    default = Path("seawall.toml")
    file = config or (default if default.exists() else None)
    try:
        return load_settings(file, os.environ, flags)
    except ConfigError as error:
        _fail(str(error))


def _read_status(address: str) -> Any:  # noqa: ANN401 - a JSON document
    where = parse_address(address)
    url = f"http://{where.host_header}{_STATUS_PATH}"
    # Not urllib: it would take a proxy from the environment for our own address.
    connection = http.client.HTTPConnection(where.host, where.port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", _STATUS_PATH)
        with connection.getresponse() as answer:
            if answer.status != _OK:
                _fail(f"no answer from {url}: status {answer.status}")
            return json.load(answer)
    except (OSError, ValueError, http.client.HTTPException) as error:
        _fail(f"no answer from {url}: {error}")
    finally:
        connection.close()


def _fail(message: str) -> NoReturn:
    _err.print(f"seawall: {message}", style="red", markup=False)
    raise typer.Exit(2)


def _print_welcome(settings: Settings) -> None:
    http = settings.gateway.http
    _out.print(
        f"\nSeawall is ready.\n"
        f"  inference  http://{http}/v2\n"
        f"  metrics    http://{settings.metrics.http}/metrics\n"
        f"  admin      http://{settings.admin.http}/admin/v1/status\n\n"
        f"Try:\n"
        f"  curl -s http://{http}/v2/models/sentiment/generate "
        f'-d \'{{"TEXT": "What a lovely day"}}\'\n\n'
        f"Ctrl-C ends it.",
        markup=False,
        soft_wrap=True,
    )
