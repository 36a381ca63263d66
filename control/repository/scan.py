"""One look at a whole source repository: at names, sizes and times, never into a file."""

import contextlib
import errno
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from control.repository.names import (
    CONFIG,
    NO_MODEL_NAME,
    is_almost_model_name,
    is_almost_version,
    is_model_name,
    shown,
    version_of,
)
from control.repository.tree import Tree, read_model_files, read_version

#: Why a folder of a model's that may be meant as a version is none.
_NO_VERSION: Final = "its name is no version"
#: What a folder shows that is no folder any more: it was removed while it was looked at.
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR})


class RepositoryUnseen(Exception):
    """The repository cannot be looked at now; that says nothing about what is in it."""


@dataclass(slots=True)
class ModelLook:
    """One model: what it has beside its versions, and these."""

    files: Tree
    versions: dict[int, Tree] = field(default_factory=dict)

    @property
    def has_config(self) -> bool:
        """Whether it has a config.pbtxt: without one a folder is no model yet."""
        return any(file.name == CONFIG for file in self.files.files)


@dataclass(slots=True)
class Look:
    """All models; ``unreadable`` says of which nothing can be said, and why.

    ``misnamed`` says of folders that may be meant as models or versions why they are none.
    ``folders`` are all that were gone through.
    """

    models: dict[str, ModelLook] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    misnamed: dict[str, str] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)


def look_at(repository: Path) -> Look:
    """Look at a repository; raises RepositoryUnseen.

    One without any model counts as unseen: so looks a place where a file system is not mounted.
    """
    look = Look(folders=[repository])
    try:
        for folder in sorted(repository.iterdir()):
            if is_model_name(folder.name):
                _look_at_model(folder, look)
            elif is_almost_model_name(folder.name):
                _note_misnamed(folder, look)
    except OSError as error:
        raise RepositoryUnseen(f"it cannot be read: {error.strerror}") from error
    if not look.models and not look.unreadable:
        raise RepositoryUnseen("it holds no model")
    return look


def _note_misnamed(folder: Path, look: Look) -> None:
    with contextlib.suppress(OSError):  # what it is does not matter to any model
        if _is_folder(folder):
            look.misnamed[shown(folder.name)] = NO_MODEL_NAME


def _look_at_model(folder: Path, look: Look) -> None:
    try:
        if not _is_folder(folder):
            return
        seen = ModelLook(read_model_files(folder))
        for one in sorted(folder.iterdir()):
            version = version_of(one.name)
            if version is not None and _is_folder(one):
                _look_at_version(one, version, seen)
            elif is_almost_version(one.name) and _is_folder(one):
                look.misnamed[f"{folder.name}/{shown(one.name)}"] = _NO_VERSION
    except OSError as error:
        if error.errno not in _GONE:
            look.unreadable[folder.name] = error.strerror or "unknown error"
        return
    look.models[folder.name] = seen
    look.folders.append(folder)
    look.folders += seen.files.folders
    for tree in seen.versions.values():
        look.folders += tree.folders


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, or a link that leads in a circle: that is for others to tell."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        if error.errno in _GONE:
            return False
        if error.errno == errno.ELOOP:
            return True
        raise


def _look_at_version(folder: Path, version: int, seen: ModelLook) -> None:
    try:
        seen.versions[version] = read_version(folder)
    except OSError as error:
        if error.errno not in _GONE:
            raise
