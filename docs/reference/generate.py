"""Writes the reference pages from the code that they describe: `make docs`. A test holds them."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic_core import PydanticUndefined

from control import errors
from control.config import Settings, environment_name
from control.contracts.document import ContractDocument
from control.controller.admin.app import describe_admin_api
from control.observability.metrics import GatewayMetrics
from control.observability.rollout_metrics import RolloutOutcomes

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
    RolloutOutcomes(registry)
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
    return json.dumps(describe_admin_api(), indent=2, sort_keys=True) + "\n"


def render_contract() -> str:
    """Every key of a contract file, and every rule that a violation may name."""
    lines = [
        "# contract.yaml",
        "",
        "`model_repository/MODEL/contract.yaml`, or `MODEL/VERSION/contract.yaml` for one version.",
        "It may say less than the model's config allows, never more. Unknown keys are errors; all",
        "faults are reported at once, with file, line and key.",
    ]
    schema = ContractDocument.model_json_schema()
    for place, part in _parts(schema, schema, ""):
        lines += ["", f"## {_title(place)}", "", _plain(part["description"]), ""]
        lines += ["| key | type | allowed | default | meaning |", "|---|---|---|---|---|"]
        for key, one in part["properties"].items():
            default = "required" if key in part.get("required", ()) else _default(one)
            lines.append(
                f"| `{key}` | {_kind(one)} | {_range(one)} | {default} | {_meaning(schema, one)} |"
            )
    lines += ["", "## Rules as violations name them", ""]
    lines += ["| rule | broken when |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in sorted(RULES.items())]
    return _MADE + "\n".join(lines) + "\n"


#: What a violation's ``rule`` may be, in answers to inference requests.
RULES = {
    "batch": "the request has more rows than `limits.batch`",
    "batch_size": "a tensor's first dimension is no batch that the model takes",
    "byte_size": "an input's `binary_data_size` does not fit its shape and datatype",
    "context": "prompt and new tokens of a row exceed `rules.context.max`",
    "datatype": "a tensor has another datatype than the model's config says, or none that exists",
    "dim": "a dimension is outside `dims`",
    "duplicate_input": "an input is given twice",
    "duplicate_output": "an output is asked for, or answered, twice",
    "element_count": "`data` has more or fewer elements than the shape",
    "encoding": "a text is not UTF-8",
    "finite": "an element is not-a-number or infinite",
    "fixed_size": "classes are asked of an output with labels whose size may be any",
    "integer": "an element has a fraction",
    "json_schema": "a text, or the body of `/generate`, is not JSON or breaks its JSON Schema",
    "max": "an element or parameter is greater than `max`",
    "max_bytes": "a text has more bytes than `max_bytes`",
    "max_chars": "a text or parameter has more characters than `max_chars`",
    "max_elements": "a shape has more elements than any tensor may have",
    "max_rank": "a shape has more dimensions than any tensor may have",
    "max_tokens": "a text has more tokens than `tokens.max`",
    "min": "an element or parameter is less than `min`",
    "min_bytes": "a text has fewer bytes than `min_bytes`",
    "min_chars": "a text has fewer characters than `min_chars`",
    "min_items": "a request has no inputs",
    "missing_output": "the model did not answer an output that was asked for",
    "parameter_type": "a parameter has another JSON type than `type`",
    "pattern": "a text does not match `pattern` as a whole",
    "quota": "the caller has used up a limit of its quota; `path` names which",
    "range": "the header that tells the length of the JSON part is no such length",
    "request_bytes": "the body is larger than `limits.request_bytes`",
    "required_input": "an input that is not optional is missing",
    "required_parameter": "a parameter that is `required` is missing",
    "same_batch": "tensors have different batches",
    "same_length": "inputs of a group in `rules.same_length` differ in their first dimension",
    "shape": "a shape is not the one of the model's config",
    "total_tokens": "the texts of a row have more tokens together than `rules.total_tokens` allows",
    "unknown_input": "the model has no such input",
    "unknown_output": "the model has no such output",
    "unknown_parameter": "a parameter is not listed, and others are rejected",
    "values": "an element, text or parameter is not one of `values`",
}

PAGES = {
    "contract.md": render_contract,
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
    return f"`{value}`" if value not in ("", None, ()) else "empty"


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


_KINDS = {"integer": "whole number", "string": "text", "array": "list", "object": "mapping"}
#: How JSON Schema names the bounds of what is counted.
_COUNTED = {"minLength": "maxLength", "minItems": "maxItems", "minimum": "maximum"}
_UNITS = {"minLength": " characters", "minItems": " items", "minimum": ""}


def _parts(root: Any, part: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Give each mapping with known keys once, at the first place that may hold it."""
    yield place, part
    for key, one in part["properties"].items():
        if key != "outputs":  # as inputs
            for suffix, inner in _inner_parts(root, one):
                yield from _parts(root, inner, f"{place}.{key}{suffix}".lstrip("."))


def _title(place: str) -> str:
    outputs = " and `outputs.NAME`" if place == "inputs.NAME" else ""
    return f"`{place}`{outputs}" if place else "The whole file"


def _inner_parts(root: Any, one: Any) -> Iterator[tuple[str, Any]]:
    if "$ref" in one:
        yield "", _part(root, one)
    for option in one.get("anyOf", ()):
        yield from _inner_parts(root, option)
    if isinstance(one.get("additionalProperties"), dict):
        for suffix, part in _inner_parts(root, one["additionalProperties"]):
            yield f".NAME{suffix}", part
    if "items" in one:
        for suffix, part in _inner_parts(root, one["items"]):
            yield f"[]{suffix}", part


def _options(one: Any) -> list[Any]:
    return [option for option in one.get("anyOf", [one]) if option.get("type") != "null"]


def _kind(one: Any) -> str:
    kinds = list(dict.fromkeys(_kind_of_option(option) for option in _options(one)))
    return " or ".join(kind for kind in kinds if kind != "whole number" or "number" not in kinds)


def _kind_of_option(one: Any) -> str:
    if "const" in one or "enum" in one:
        return " or ".join(f"`{value}`" for value in one.get("enum", [one.get("const")]))
    kind = _KINDS.get(one.get("type", "object"), one.get("type"))
    if kind == "list":
        return f"list of {_kind(one['items'])}"
    if isinstance(one.get("additionalProperties"), dict):
        return f"name to {_kind(one['additionalProperties'])}"
    return str(kind)


def _range(one: Any) -> str:
    options = _options(one)
    if any(option.get("type") == "number" and "minimum" not in option for option in options):
        return "finite"
    return "".join(
        f"{option[least]}..{_number(option[most])}{_UNITS[least]}"
        for option in options
        for least, most in _COUNTED.items()
        if least in option
    )


def _number(number: float) -> str:
    exponent = int(number).bit_length() - 1
    is_power = number >= 2**20 and number == 2**exponent
    return f"2^{exponent}" if is_power else f"{number:.15g}"


def _default(one: Any) -> str:
    default = one.get("default")
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return "none" if default in (None, []) or isinstance(default, dict) else _shown(default)


def _meaning(root: Any, one: Any) -> str:
    """Give the docstring; pydantic leaves it out where the part that stands there has the same."""
    text = one.get("description") or _part(root, one)["description"]
    return _plain(text)


def _part(root: Any, one: Any) -> Any:
    return root["$defs"][one["$ref"].rpartition("/")[2]]


def _plain(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    main()
