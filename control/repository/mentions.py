"""Which models the files of a model name: it may call them while it answers.

What a model calls, no file says for sure: every name counts that stands in quotes in its code or in
its config. One too many costs little.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from control.repository.names import CONFIG, is_model_name

_MAX_CODE_BYTES: Final = 1024 * 1024


def named_models(folder: Path, names: Collection[str]) -> set[str]:
    """Give those of the names that a model's files have in quotes."""
    texts = list(_texts(folder))
    return {one for one in names if any(_has(text, one) for text in texts)}


def is_named_by_others(repository: Path, model: str) -> bool:
    """Whether any other model of a repository has this one in quotes; False where it is away."""
    try:
        folders = [one for one in repository.iterdir() if one.is_dir()]
    except OSError:
        return False
    return any(
        named_models(one, {model})
        for one in folders
        if is_model_name(one.name) and one.name != model
    )


def _texts(folder: Path) -> Iterator[str]:
    for file in (folder / CONFIG, *sorted(folder.rglob("*.py"))):
        if file.is_file() and file.stat().st_size <= _MAX_CODE_BYTES:
            yield file.read_text(errors="replace")


def _has(text: str, model: str) -> bool:
    return f'"{model}"' in text or f"'{model}'" in text
