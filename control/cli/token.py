"""``seawall token``: API tokens."""

from collections.abc import Iterator, Sequence
from typing import Annotated
from urllib.parse import quote

import typer

from control.cli.admin_client import AdminClient, Json
from control.cli.durations import parse_duration
from control.cli.quota_options import (
    BytesPerMinute,
    Concurrent,
    RequestsPerSecond,
    TokensPerMinute,
    describe_quota,
    quota_body,
)
from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err, fail, out

token_app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API tokens.")


@token_app.command("create")
def create(  # noqa: PLR0913, PLR0917 - one for each option
    name: Annotated[str, typer.Option(help="What the token is for.")],
    tenant: Annotated[str, typer.Option(help="The tenant that it belongs to.")],
    scope: Annotated[
        list[str], typer.Option(help="infer:MODEL, infer:*, read or admin; may be repeated.")
    ],
    expires: Annotated[str | None, typer.Option(help="After 90s, 15m, 12h, 30d, 8w.")] = None,
    requests_per_second: RequestsPerSecond = None,
    tokens_per_minute: TokensPerMinute = None,
    bytes_per_minute: BytesPerMinute = None,
    concurrent: Concurrent = None,
    config: ConfigFile = None,
) -> None:
    """Make a token and print it, this once; only its hash is kept."""
    body = {
        "name": name,
        "tenant": tenant,
        "scopes": scope,
        "expires_in_seconds": None if expires is None else _seconds(expires),
        "quota": quota_body(requests_per_second, tokens_per_minute, bytes_per_minute, concurrent),
    }
    client = AdminClient(read_settings(config))
    created = client.post("/tokens", body)
    try:
        token, about = created["token"], created["about"]
        told = f"token {about['token_id']} for tenant '{about['tenant']}', keep it: "
    except (KeyError, TypeError):
        fail(client.not_ours())
    err.print(f"{told}it is shown this once", soft_wrap=True)
    out.print(token, soft_wrap=True)


@token_app.command("list")
def list_tokens(config: ConfigFile = None, as_json: JsonOutput = False) -> None:  # noqa: FBT002
    """List the tokens that are not revoked, without their secrets."""
    columns = ("id", "name", "tenant", "scopes", "expires", "quota")
    AdminClient(read_settings(config)).show("/tokens", columns, _rows, as_json=as_json)


@token_app.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(help="The id, as `token list` shows it.")],
    config: ConfigFile = None,
) -> None:
    """Revoke a token: every gateway refuses it from now on."""
    AdminClient(read_settings(config)).delete(f"/tokens/{quote(token_id, safe='')}")
    err.print(f"token {token_id} is revoked")


def _seconds(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        fail(f"--expires: {error}")


def _rows(document: Json) -> Iterator[Sequence[object]]:
    for one in document["tokens"]:
        yield [
            one["token_id"],
            one["name"],
            one["tenant"],
            " ".join(one["scopes"]),
            f"{one['expires_at'] or 'never'}{' (expired)' if one['expired'] else ''}",
            describe_quota(one["quota"]),
        ]
