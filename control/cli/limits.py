"""``seawall limits``: what limits the requests to a model."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

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
from control.cli.terminal import err, fail

limits_app = typer.Typer(no_args_is_help=True, help="Show and order limits of models.")

_NAMES: Final = ("concurrency", "max_concurrency", "max_queue_size", "deadline_ms")
_COLUMNS: Final = (
    "version", "contract", "ordered", "gateway", "limit", "in flight", "queued", "shed", "rtt ms",
    "memory",
)  # fmt: skip

Concurrency = Annotated[
    int | None, typer.Option("--concurrency", help="Requests in flight: a fixed limit.")
]
MaxConcurrency = Annotated[
    int | None,
    typer.Option("--max-concurrency", help="The greatest limit of requests that may be found."),
]
MaxQueueSize = Annotated[
    int | None, typer.Option("--max-queue-size", help="Requests that wait; 0 lets none wait.")
]
DeadlineMs = Annotated[
    int | None, typer.Option("--deadline-ms", help="Of requests that name no deadline.")
]


@limits_app.command("show")
def show_limits(model: Model, config: ConfigFile = None, as_json: JsonOutput = False) -> None:  # noqa: FBT002
    """Show each version's limits: by contract, by order, and in each gateway at this moment."""
    client = AdminClient(read_settings(config))
    client.show(model_path(model, "limits"), _COLUMNS, _rows, as_json=as_json)


@limits_app.command("set")
def set_limits(  # noqa: PLR0913, PLR0917 - one for each option
    model: Model,
    version: Version = None,
    concurrency: Concurrency = None,
    max_concurrency: MaxConcurrency = None,
    max_queue_size: MaxQueueSize = None,
    deadline_ms: DeadlineMs = None,
    reason: Reason = "",
    config: ConfigFile = None,
) -> None:
    """Order limits in the place of the contract's, whole: one not given here is not ordered."""
    values = (concurrency, max_concurrency, max_queue_size, deadline_ms)
    if all(one is None for one in values):
        fail("no limit is given; to take all of them back use `seawall limits unset`")
    body = {**dict(zip(_NAMES, values, strict=True)), "version": version, "reason": reason}
    AdminClient(read_settings(config)).put(model_path(model, "limits"), body)
    err.print(f"{in_words(model, version)}: {describe_limits(body)}", soft_wrap=True)


@limits_app.command("unset")
def unset_limits(
    model: Model, version: Version = None, reason: Reason = "", config: ConfigFile = None
) -> None:
    """Take ordered limits back: the contract's hold again."""
    path = model_path(model, "limits", version=version, reason=reason)
    AdminClient(read_settings(config)).delete(path)
    err.print(f"{in_words(model, version)}: no limits are ordered any longer", soft_wrap=True)


def describe_limits(limits: Any) -> str:  # noqa: ANN401 - a JSON document
    """Put ordered limits into words."""
    given = [
        f"{name.replace('_', ' ')} {limits[name]}" for name in _NAMES if limits[name] is not None
    ]
    return ", ".join(given)


def _describe_shed(shed: Any) -> str | None:  # noqa: ANN401 - a JSON document
    if not shed:
        return None
    return ", ".join(f"{count} {reason}" for reason, count in shed.items() if count)


def _describe_memory(memory: Any) -> str | None:  # noqa: ANN401 - a JSON document
    if memory is None:
        return None
    budget = memory["budget_bytes"]
    return f"{memory['reserved_bytes']} of {'any' if budget is None else budget} bytes"


def _rows(document: Json) -> Iterator[Sequence[object]]:
    for version in document["versions"]:
        for one in gateways_of(version):
            yield [
                version["version"],
                one_line(version["contract"]),
                describe_limits(version["in_force"]),
                *(one.get(key) for key in ("gateway", "limit", "in_flight", "queued")),
                _describe_shed(one.get("shed")),
                one.get("rtt_ms"),
                _describe_memory(one.get("memory")),
            ]
