"""The settings that a command runs on, and the options that all commands share."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from control.cli.terminal import fail
from control.config import ConfigError, Settings, load_settings

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings file (default: seawall.toml if there).")
]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_settings(config: Path | None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read file, environment and flags; ends the command where they are wrong."""
    default = Path("seawall.toml")
    file = config or (default if default.exists() else None)
    try:
        return load_settings(file, os.environ, flags)
    except ConfigError as error:
        fail(str(error))
