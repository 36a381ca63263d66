"""The arguments that say which model, or which version of it, a command is for, and why."""

import json
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

Model = Annotated[str, typer.Argument(help="The model.")]
Version = Annotated[
    int | None, typer.Option("--version", min=1, help="The version (default: all of them).")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


def model_path(model: str, part: str, **query: object) -> str:
    """Give the path of a part of a model; what is None or empty in the query is left out."""
    asked = urlencode({key: value for key, value in query.items() if value not in {None, ""}})
    path = f"/models/{quote(model, safe='')}/{part}"
    return f"{path}?{asked}" if asked else path


def in_words(model: str, version: int | None) -> str:
    """Name a model, or one version of it."""
    return f"model '{model}'" if version is None else f"model '{model}' version {version}"


def gateways_of(version: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a JSON document
    """Give what each gateway says of a version; one that says nothing where none has."""
    return version["gateways"] or [{}]


def one_line(document: Any) -> str:  # noqa: ANN401 - a JSON document
    """Put a part of a contract into one line; nothing where there is none."""
    return "" if document is None else json.dumps(document)
