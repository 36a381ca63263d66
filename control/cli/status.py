"""``seawall status``."""

from typing import Any

from control.cli.admin_client import AdminClient
from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err, fail, out, print_json, print_table


def status(config: ConfigFile = None, as_json: JsonOutput = False) -> None:  # noqa: FBT002
    """Show what the controller knows: Triton, models, versions, gateways."""
    client = AdminClient(read_settings(config))
    document = client.get("/status")
    if as_json:
        print_json(document)
        return
    try:
        summary, fault, rows = _describe(document)
    except (KeyError, TypeError):
        fail(client.not_ours())
    out.print(summary)
    if fault:
        err.print(f"the JWKS file is not used: {fault}")
    print_table(("model", "version", "ready", "reason"), rows)


def _describe(document: Any) -> tuple[str, str, list[list[object]]]:  # noqa: ANN401 - JSON
    triton, access = document["triton"], document["access"]
    up = "up" if triton["up"] else f"down ({triton['reason']})"
    summary = (
        f"triton {up}, {document['gateways']} gateway(s), revision {document['revision']}, "
        f"{access['tokens']} token(s), {access['jwt_keys']} JWT key(s)"
    )
    rows = [
        [one["model"], one["version"], "yes" if one["ready"] else "no", one["reason"]]
        for one in document["models"]
    ]
    return summary, access["jwks_fault"], rows
