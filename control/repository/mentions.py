"""Which models the files of a model name: it may call them while it answers.

What a model calls, no file says for sure: every name counts that stands in quotes in its code or in
its config. One too many costs little.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from control.repository.content import open_regular
from control.repository.names import CONFIG, is_model_name, version_of
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.tree import Tree, read_model_files, read_version

_MAX_CODE_BYTES: Final = 1024 * 1024


class _Unreadable(Exception):
    """A file that may be code cannot be read."""


def named_models(folder: Path, names: Collection[str]) -> set[str]:
    """Give those of the names that a model's files have in quotes: all, if one cannot be read."""
    found: set[str] = set()
    try:
        for text in _texts(folder):
            found |= {one for one in names if _has(text, one)}
    except (_Unreadable, OSError):
        return set(names)
    return found


def is_named_by_others(repository: Path, model: str) -> bool:
    """Whether any other model of a repository has this one in quotes; False where it is away."""
    try:
        names = [one.name for one in repository.iterdir() if is_model_name(one.name)]
    except OSError:
        return False
    return any(named_models(repository / one, {model}) for one in names if one != model)


def _texts(folder: Path) -> Iterator[str]:
    """Read what may be code, and nothing that would hold its reader. Raises OSError."""
    for tree in _trees(folder) if folder.is_dir() else ():
        if tree.fault:
            raise _Unreadable
        for file in tree.files:
            is_code = file.name == CONFIG or file.name.endswith(".py")
            if not is_code or file.size > _MAX_CODE_BYTES:
                continue
            try:
                with open_regular(file) as opened:
                    yield opened.read(_MAX_CODE_BYTES).decode(errors="replace")
            except (SourceRefused, SourceChanged) as error:
                raise _Unreadable from error


def _trees(folder: Path) -> Iterator[Tree]:
    yield read_model_files(folder)
    for one in sorted(folder.iterdir()):
        if version_of(one.name) is not None and one.is_dir():
            yield read_version(one)


def _has(text: str, model: str) -> bool:
    return f'"{model}"' in text or f"'{model}'" in text
