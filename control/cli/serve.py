"""``seawall serve``."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from control.cli.settings import ConfigFile, read_settings
from control.cli.terminal import err, fail, out
from control.config import Settings
from control.launcher.launch import LaunchError, launch
from control.observability.logs import configure_logs
from control.triton.installation import TritonNotInstalled


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
    flags = {
        "triton.repository": repository,
        "triton.http_url": triton_url,
        "triton.grpc_url": triton_grpc_url,
        "gateway.http": http,
        "state.dir": state_dir,
    }
    settings = read_settings(config, flags)
    configure_logs("launcher", level=settings.log.level, form=settings.log.format)
    if not settings.triton.http_url:
        err.print(f"starting tritonserver on {settings.triton.repository}, loading its models …")
    try:
        asyncio.run(launch(settings, _print_welcome))
    except (LaunchError, TritonNotInstalled) as error:
        fail(str(error))


def _print_welcome(settings: Settings) -> None:
    http = settings.gateway.http
    asks = settings.asks_for_identity()
    need = "  Inference needs a token: seawall token create --help\n" if asks else ""
    header = ' -H "Authorization: Bearer $TOKEN"' if asks else ""
    out.print(
        f"\nSeawall is ready.\n"
        f"  inference  http://{http}/v2\n"
        f"  metrics    http://{settings.metrics.http}/metrics\n"
        f"  admin      http://{settings.admin.http}/admin/v1 (seawall status)\n{need}\n"
        f"Try:\n"
        f"  curl -s http://{http}/v2/models/sentiment/generate{header} "
        f'-d \'{{"TEXT": "What a lovely day"}}\'\n\n'
        f"Ctrl-C ends it.",
        soft_wrap=True,
    )
