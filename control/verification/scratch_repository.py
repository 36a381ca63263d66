"""A model repository made of copies: what runs there does not touch the originals."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from control.contracts.faults import ContractBroken, Fault
from control.repository.copying import copy_own, share_own
from control.repository.names import CONFIG, version_of

_NOT_WANTED: Final = shutil.ignore_patterns(".*")


def copy_model(
    repository: Path,
    name: str,
    model_files: Path,
    version: int,
    files: Path,
    *,
    is_served: bool = True,
) -> Path:
    """Put a model with one version into the repository, under a name; give its folder there.

    ``files`` are the version's. Where they are not served, large ones are shared: a staged copy
    that its model has written to is seen by its digest, and made anew before it is served.
    """
    folder = repository / name
    folder.mkdir(parents=True)
    for entry in sorted(model_files.iterdir()):
        if entry.name.startswith(".") or version_of(entry.name) is not None:
            continue
        if entry.is_dir():
            _copy_tree(entry, folder / entry.name, copy_own)
        elif entry.is_file():
            copy_own(str(entry), str(folder / entry.name))
    _copy_tree(files, folder / str(version), copy_own if is_served else share_own)
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


def _copy_tree(source: Path, target: Path, copy: Callable[[str, str], None]) -> None:
    shutil.copytree(source, target, copy_function=copy, ignore=_NOT_WANTED)
