"""Looks at a version's own files: its code must compile, its weights must be there."""

import ast
from collections.abc import Iterator
from pathlib import Path

from control.contracts.faults import Fault
from control.weights.errors import WeightsError
from control.weights.manifest import MANIFEST, read_manifest

#: What each Python backend looks for in a version's folder.
_ENTRY_FILES = {"python": "model.py", "guarded": "compute.py"}


def version_faults(folder: Path, version: str, backend: str) -> Iterator[Fault]:
    """Give the faults of one version's files."""
    own = folder / version
    entry = _ENTRY_FILES.get(backend)
    if entry is not None and not (own / entry).is_file():
        yield Fault(f"{version}/{entry}", 0, "", f"is missing: the backend '{backend}' needs it")
    for file in sorted(own.rglob("*.py")):
        yield from _syntax_faults(file, str(file.relative_to(folder)))
    yield from _weight_faults(own, folder)


def _weight_faults(own: Path, folder: Path) -> Iterator[Fault]:
    manifest = own / MANIFEST
    if not manifest.is_file():
        return
    try:
        for file in read_manifest(manifest):
            name = str(file.target.relative_to(folder))
            if not file.target.is_file():
                yield Fault(name, 0, "", "is missing: fetch the weights (seawall models fetch)")
            elif file.target.stat().st_size != file.size_bytes:
                got = file.target.stat().st_size
                yield Fault(name, 0, "", f"must have {file.size_bytes} bytes, got {got}")
    except WeightsError as error:
        yield Fault(f"{own.name}/{MANIFEST}", 0, "", str(error).replace(f"{folder}/", ""))


def _syntax_faults(file: Path, name: str) -> Iterator[Fault]:
    try:
        ast.parse(file.read_bytes(), name)
    except SyntaxError as error:
        yield Fault(name, error.lineno or 0, "", f"is not Python: {error.msg}")
    except (ValueError, RecursionError, OSError) as error:
        yield Fault(name, 0, "", f"is not Python: {error}")
