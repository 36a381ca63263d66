"""A model repository made of copies: what runs there does not touch the originals."""

import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from control.check.model_config import CONFIG
from control.contracts.faults import ContractBroken, Fault

#: Larger files are linked, whoever may write to them: copying would take the room and the time of
#: a second model, and models map their weights rather than write to them.
_COPIED_BYTES: Final = 1024 * 1024
_WRITABLE: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_NOT_WANTED: Final = shutil.ignore_patterns(".*")


def copy_model(repository: Path, name: str, model_files: Path, version: int, staged: Path) -> Path:
    """Put a model with one version into the repository, under a name; give its folder there."""
    folder = repository / name
    folder.mkdir(parents=True)
    for entry in sorted(model_files.iterdir()):
        if entry.name.startswith(".") or _is_version(entry.name):
            continue
        if entry.is_dir():
            _copy_tree(entry, folder / entry.name)
        elif entry.is_file():
            _link_or_copy(str(entry), str(folder / entry.name))
    _copy_tree(staged, folder / str(version))
    return folder


def write_config(folder: Path, config: Mapping[str, Any], version: int) -> None:
    """Write a config, given in Triton's JSON form, that serves this version under this name.

    Instances get their names from the model's: that is how their processes are told apart. Raises
    ContractBroken where it is no config.
    """
    groups = [_without_name(group) for group in config.get("instance_group", [])]
    changed = {
        **config,
        "name": folder.name,
        "instance_group": groups,
        "version_policy": {"specific": {"versions": [version]}},
    }
    message = model_config_pb2.ModelConfig()
    try:
        json_format.ParseDict(changed, message, ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ContractBroken([Fault(CONFIG, 0, "", f"is not a model config: {error}")]) from error
    (folder / CONFIG).unlink(missing_ok=True)  # it may be a link
    (folder / CONFIG).write_text(text_format.MessageToString(message))


def for_measuring(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give the config of a version that others are only measured against: one instance of it."""
    groups = [{**group, "count": 1} for group in config.get("instance_group", [])[:1]]
    kept = {key: value for key, value in config.items() if key != "model_warmup"}
    return {**kept, "instance_group": groups}


def read_json_config(text: str) -> dict[str, Any]:
    """Parse what a live server says of a config; empty where it says nothing, or nonsense."""
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _without_name(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "name"}


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_link_or_copy, ignore=_NOT_WANTED)


def _link_or_copy(source: str, target: str) -> None:
    """Link what is never written to, copy all else; times are kept, for bytecode goes by them."""
    found = Path(source).stat()
    if not found.st_mode & _WRITABLE or found.st_size > _COPIED_BYTES:
        try:
            os.link(os.path.realpath(source), target)
        except OSError:
            pass  # another file system: a copy will do
        else:
            return
    shutil.copy2(source, target)
