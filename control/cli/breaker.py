"""``seawall breaker``: the circuit breakers of a model."""

from collections.abc import Iterator, Sequence
from typing import Final

import typer

from control.cli.admin_client import AdminClient, Json
from control.cli.model_options import Model, Reason, Version, gateways_of, in_words, model_path
from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err

breaker_app = typer.Typer(no_args_is_help=True, help="Show and order circuit breakers.")

_NOW: Final = (
    "gateway", "state", "failure_rate_percent", "slow_call_rate_percent", "calls", "retry_after_s",
    "reason",
)  # fmt: skip
_COLUMNS: Final = (
    "version", "mode", "gateway", "state", "failed %", "slow %", "calls", "retry after s", "reason",
)  # fmt: skip


@breaker_app.command("show")
def show_breaker(model: Model, config: ConfigFile = None, as_json: JsonOutput = False) -> None:  # noqa: FBT002
    """Show each version's breaker, in each gateway at this moment."""
    client = AdminClient(read_settings(config))
    client.show(model_path(model, "breaker"), _COLUMNS, _rows, as_json=as_json)


@breaker_app.command("force-open")
def force_open(
    model: Model, version: Version = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Refuse every call until `reset`: callers get fallbacks, or 503."""
    _order(config, model, version, {"mode": "forced_open", "reason": reason})


@breaker_app.command("disable")
def disable(
    model: Model, version: Version = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Let every call pass and count nothing until `reset`."""
    _order(config, model, version, {"mode": "disabled", "reason": reason})


@breaker_app.command("metrics-only")
def metrics_only(
    model: Model, version: Version = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Let every call pass but go on counting until `reset`."""
    _order(config, model, version, {"mode": "metrics_only", "reason": reason})


@breaker_app.command("reset")
def reset(
    model: Model, version: Version = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Let the breaker forget its past, and open and close by itself again."""
    body = {"version": version, "reason": reason}
    AdminClient(read_settings(config)).post(model_path(model, "breaker/reset"), body)
    err.print(f"{in_words(model, version)}: the breaker is reset", soft_wrap=True)


def _order(config: ConfigFile, model: str, version: int | None, order: dict[str, str]) -> None:
    body = {"version": version, **order}
    AdminClient(read_settings(config)).put(model_path(model, "breaker"), body)
    err.print(f"{in_words(model, version)}: the breaker is {order['mode']}", soft_wrap=True)


def _rows(document: Json) -> Iterator[Sequence[object]]:
    for version in document["versions"]:
        for one in gateways_of(version):
            now = (one.get(key) for key in _NOW)
            yield [version["version"], version["mode_in_force"], *now]
