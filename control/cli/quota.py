"""``seawall quota``: what tenants may use."""

from collections.abc import Iterator, Sequence
from typing import Annotated
from urllib.parse import quote

import typer

from control.cli.admin_client import AdminClient, Json
from control.cli.quota_options import (
    BytesPerMinute,
    Concurrent,
    RequestsPerSecond,
    TokensPerMinute,
    describe_quota,
    quota_body,
)
from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err, fail

quota_app = typer.Typer(no_args_is_help=True, help="Set, list and remove quotas of tenants.")

TenantArgument = Annotated[str, typer.Argument(help="The tenant.")]


@quota_app.command("set")
def set_quota(
    tenant: TenantArgument,
    requests_per_second: RequestsPerSecond = None,
    tokens_per_minute: TokensPerMinute = None,
    bytes_per_minute: BytesPerMinute = None,
    concurrent: Concurrent = None,
    config: ConfigFile = None,
) -> None:
    """Set a tenant's quota, whole: a limit that is not given here is none."""
    body = quota_body(requests_per_second, tokens_per_minute, bytes_per_minute, concurrent)
    if all(limit is None for limit in body.values()):
        fail("no limit is given; to lift all of them use `seawall quota remove`")
    AdminClient(read_settings(config)).put(_path(tenant), body)
    err.print(f"tenant '{tenant}' may use: {describe_quota(body)}", soft_wrap=True)


@quota_app.command("list")
def list_quotas(config: ConfigFile = None, as_json: JsonOutput = False) -> None:  # noqa: FBT002
    """List all tenants with their quotas."""
    client = AdminClient(read_settings(config))
    client.show("/tenants", ("tenant", "tokens", "quota"), _rows, as_json=as_json)


@quota_app.command("remove")
def remove_quota(tenant: TenantArgument, config: ConfigFile = None) -> None:
    """Remove a tenant's quota: nothing limits the tenant any longer."""
    AdminClient(read_settings(config)).delete(_path(tenant))
    err.print(f"tenant '{tenant}' has no quota any longer")


def _path(tenant: str) -> str:
    return f"/tenants/{quote(tenant, safe='')}/quota"


def _rows(document: Json) -> Iterator[Sequence[object]]:
    for one in document["tenants"]:
        yield [one["tenant"], one["tokens"], describe_quota(one["quota"])]
