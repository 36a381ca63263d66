"""Writes the reference pages from the code that they describe: `make docs`. A test holds them."""

import inspect
import json
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic_core import PydanticUndefined

from control import errors
from control.config import Settings, environment_name
from control.controller.admin_app import create_admin_app
from control.controller.loop import ControllerState
from control.observability.metrics import GatewayMetrics

_HERE = Path(__file__).parent
_MADE = "<!-- Made by `make docs`; edit the code instead. -->\n\n"


def render_settings() -> str:
    """Every setting with its default, range and environment variable."""
    lines = [
        "# Settings",
        "",
        "From `seawall.toml` in the working directory (or `--config FILE`), the environment, and",
        "flags, in rising priority. Unknown keys are errors; all faults are reported at once.",
    ]
    for section, field in Settings.model_fields.items():
        model: Any = field.annotation
        lines += ["", f"## `[{section}]`", "", (model.__doc__ or "").strip(), ""]
        lines += ["| key | default | allowed | environment | meaning |", "|---|---|---|---|---|"]
        for key, setting in model.model_fields.items():
            default = "" if setting.default is PydanticUndefined else _shown(setting.default)
            variable = environment_name(section, key)
            lines.append(
                f"| `{key}` | {default} | {_allowed(setting)} | `{variable}` "
                f"| {setting.description} |"
            )
    return _MADE + "\n".join(lines) + "\n"


def render_metrics() -> str:
    """Every series of the data plane."""
    registry = CollectorRegistry()
    GatewayMetrics(registry)
    lines = [
        "# Metrics",
        "",
        "On `metrics.http`, path `/metrics`: these series, summed over all gateway workers, then",
        "Triton's own (`nv_*`, and what models add) as Triton gives them.",
        "",
        "| series | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for name, collector in sorted(_collectors(registry).items()):
        labels = ", ".join(f"`{one}`" for one in collector._labelnames)  # noqa: SLF001
        lines.append(f"| `{name}` | {collector._type} | {labels} | {collector._documentation} |")  # noqa: SLF001
    return _MADE + "\n".join(lines) + "\n"


def render_errors() -> str:
    """Every error code."""
    lines = [
        "# Errors",
        "",
        'A refusal is `{"error": sentence, "code": code, "request_id": id, "violations": [...]}`;',
        'each violation is `{"path", "rule", "limit", "got"}`. A second status in brackets is the',
        "more exact one that HTTP has for some cases of the code.",
        "",
        "| code | status | what it means for the caller |",
        "|---|---|---|",
    ]
    classes = [
        one
        for _, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, errors.ControlError)
    ]
    refined = {"too_large": " (431)", "malformed_request": " (415)"}
    for one in sorted(classes, key=lambda error: (error.status, error.code)):
        meaning = (
            "A fault of Seawall's own; the log has it under the request id."
            if one is errors.ControlError
            else (one.__doc__ or "").split("\n")[0]
        )
        lines.append(f"| `{one.code}` | {one.status}{refined.get(one.code, '')} | {meaning} |")
    return _MADE + "\n".join(lines) + "\n"


def render_admin_api() -> str:
    """The admin API's OpenAPI document."""
    document = create_admin_app(ControllerState()).api_doc
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


PAGES = {
    "settings.md": render_settings,
    "metrics.md": render_metrics,
    "errors.md": render_errors,
    "admin-api.json": render_admin_api,
}


def main() -> None:
    """Write all pages."""
    for name, render in PAGES.items():
        (_HERE / name).write_text(render())


def _collectors(registry: CollectorRegistry) -> dict[str, Any]:
    owned = registry._collector_to_names  # noqa: SLF001
    suffix = {"counter": "_total"}
    return {f"{one._name}{suffix.get(one._type, '')}": one for one in owned}  # type: ignore[attr-defined]  # noqa: SLF001


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in ("", None) else "empty"


def _allowed(setting: Any) -> str:
    words = {"Ge": ">= {}", "Gt": "> {}", "Le": "<= {}", "Lt": "< {}"}
    bounds = []
    for rule in setting.metadata:
        form = words.get(type(rule).__name__)
        if form:
            bounds.append(form.format(getattr(rule, type(rule).__name__.lower())))
    choices = getattr(setting.annotation, "__args__", ())
    if not bounds and choices and all(isinstance(one, str) for one in choices):
        bounds = [", ".join(choices)]
    return " and ".join(bounds)


if __name__ == "__main__":
    main()
