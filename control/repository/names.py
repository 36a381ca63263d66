"""Which folders of a repository are models, which folders of a model are versions."""

import re
from typing import Final

CONFIG: Final = "config.pbtxt"
CONTRACT: Final = "contract.yaml"
GOLDEN: Final = "golden.json"
#: Written by whoever imports a module; never part of a version.
BYTECODE: Final = "__pycache__"
#: What stands in paths and on command lines without any escaping.
_MODEL_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NO_MODEL_NAME: Final = "its name must have letters, digits, '.', '_' and '-' only"
#: How the names of folders begin that are no models, and are not meant to be any.
_NO_MODELS: Final = (".", "_")
#: Triton holds a version in 64 bits, with a sign.
_MAX_VERSION: Final = 2**63 - 1
_MAX_SHOWN: Final = 200


def is_model_name(name: str) -> bool:
    """Whether a folder of a repository is a model's.

    Some other names, such as those with a parenthesis, keep the whole tritonserver from starting.
    """
    return _MODEL_NAME.fullmatch(name) is not None


def is_almost_model_name(name: str) -> bool:
    """Whether a folder may be meant as a model, but is not named as one: ``sentiment (copy)``."""
    return not is_model_name(name) and not name.startswith(_NO_MODELS)


def version_of(name: str) -> int | None:
    """Give the version that a folder's name stands for: digits without a leading zero."""
    if (
        not (name.isascii() and name.isdigit())
        or name[0] == "0"
        or len(name) > len(str(_MAX_VERSION))
    ):
        return None
    version = int(name)
    return version if version <= _MAX_VERSION else None


def is_almost_version(name: str) -> bool:
    """Whether a folder may be meant as a version, but is not named as one: ``007``, ``1 (copy)``.

    Triton would take the digits that such a name begins with.
    """
    return name[:1].isdecimal() and version_of(name) is None


def is_part_of_version(name: str) -> bool:
    """Whether a file of a version's folder, named from there on, is copied and served."""
    parts = name.split("/")
    is_left_out = any(part.startswith(".") or part == BYTECODE for part in parts)
    return not is_left_out and name != CONTRACT


def shown(name: str) -> str:
    """Give a file's name as it may stand in a message: short, and printable."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
