"""``seawall audit``: who has changed what through the admin API."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from control.cli.admin_client import AdminClient
from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err, fail, print_json, print_table


def audit(
    target: Annotated[
        str | None, typer.Option(help="Only changes there: models/M, tokens/ID, tenants/T.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Entries at most.")] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Only entries before this id.")] = None,
    config: ConfigFile = None,
    as_json: JsonOutput = False,  # noqa: FBT002 - a flag
) -> None:
    """Show who has changed what, when and why, newest first."""
    client = AdminClient(read_settings(config))
    asked = {"target": target, "limit": limit, "before": before}
    query = urlencode({key: value for key, value in asked.items() if value is not None})
    document = client.get(f"/audit?{query}")
    if as_json:
        print_json(document)
        return
    try:
        rows, more = [_row(one) for one in document["entries"]], document["next_before"]
    except (KeyError, TypeError, AttributeError):
        fail(client.not_ours())
    print_table(("id", "at", "who", "action", "target", "change", "reason"), rows)
    if more is not None:
        err.print(f"there are older ones: --before {more}")


def _row(entry: Any) -> list[object]:  # noqa: ANN401 - a JSON document
    who = f"{entry['subject']} ({entry['tenant']})"
    change = _describe_change(entry["before"] or {}, entry["after"] or {})
    return [
        entry["id"],
        entry["at"],
        who,
        entry["action"],
        entry["target"],
        change,
        entry["reason"],
    ]


def _describe_change(before: dict[str, object], after: dict[str, object]) -> str:
    """Say what differs; what is not there counts as nothing."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return ", ".join(f"{key}: {_shown(before.get(key))} → {_shown(after.get(key))}" for key in keys)


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
