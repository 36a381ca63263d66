"""Where the files of a rollout lie, from the author's folder to the one that is served."""

import contextlib
import shutil
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from control.lane import Lane
from control.repository.content import content_digest
from control.repository.copying import copy_own
from control.repository.model_files import copy_model_files, model_digest
from control.repository.names import CONFIG, version_of
from control.repository.pinned_config import pin
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.served import ServedRepository
from control.repository.staging import Staged, stage
from control.runtime import RuntimePaths

#: More copies at once are not done sooner.
_AT_ONCE: Final = 4
#: No model is called so.
_APART: Final = ".apart"
#: What lies below a model's name where versions are staged, but for the copies themselves.
_MODEL: Final = ".model"
_DRAFT: Final = ".draft"


@dataclass(frozen=True, slots=True)
class Places:
    """The author's repository, Seawall's copies of what is tried, and what is served.

    All methods read or write files: call them on a thread. Copies of one model are made and moved
    by one of them at a time. ``beside`` are the digests of what may lie beside a version in its
    model's folder, the config first of all: it was verified with that; empty: anything may.
    """

    source: Path
    paths: RuntimePaths
    served: ServedRepository
    #: Copies of the authors' folders are made on one; what is put in place waits for none of them.
    staging: Lane = field(default_factory=lambda: Lane("staging", _AT_ONCE), init=False, repr=False)
    placing: Lane = field(default_factory=lambda: Lane("placing", _AT_ONCE), init=False, repr=False)
    _locks: dict[str, threading.RLock] = field(default_factory=dict, init=False, repr=False)

    def source_model(self, model: str) -> Path:
        """Give an author's folder of a model."""
        return self.source / model

    def staged_version(self, model: str, version: int) -> Path:
        """Give Seawall's copy of a version that is not served yet."""
        return self.paths.staged / model / str(version)

    def staged_model(self, model: str, version: int) -> Path:
        """Give the copy of what the model had beside its versions when this one was dropped."""
        return self.paths.staged / model / f"{version}{_MODEL}"

    def repository_apart(self, rollout: str) -> Path:
        """Give the repository of the tritonserver that an attempt has for itself."""
        return self.paths.staged / _APART / rollout

    def served_version(self, model: str, version: int) -> Path:
        """Give the copy of a version that is served."""
        return self.served.folder / model / str(version)

    def stage(self, model: str, version: int) -> Staged:
        """Copy a version, with its model's other files.

        Raises SourceChanged, SourceRefused, StagingFailed, or OSError.
        """
        source = self.source_model(model)
        target = self.staged_model(model, version)
        with self._lock(model):
            shutil.rmtree(target, ignore_errors=True)
            text = copy_model_files(source, target)
            (target / CONFIG).write_text(pin(text, model, [version]))
            staged = stage(source / str(version), self.staged_version(model, version))
            return replace(staged, model_digest=model_digest(target, model))

    def ensure_staged(
        self, model: str, version: int, digest: str, beside: Collection[str] = ()
    ) -> None:
        """Copy a version if there is no copy of it: another host staged it, or another attempt.

        Raises SourceChanged where its content, or what lies beside it, is no longer what it was,
        and as ``stage``.
        """
        with self._lock(model):
            files, staged = self.staged_model(model, version), self.staged_version(model, version)
            if _holds_model(files, model, beside) and _holds(staged, digest):
                return
            change = _change(self.stage(model, version), digest, beside)
            if change:
                for folder in (staged, files):
                    self.served.remove(folder)
                raise SourceChanged(f"version {version} of '{model}' {change}")

    def staged_config(self, model: str, version: int) -> str:
        """Give the text of the config that a version was dropped with; raises OSError."""
        return (self.staged_model(model, version) / CONFIG).read_text()

    def put_in(self, model: str, version: int, digest: str, beside: Collection[str] = ()) -> None:
        """Move a version that is not loaded to what is served.

        Where it is there, it is not moved again, unless that is another attempt's. Where there is
        no copy of it, it is copied anew. Raises as ``ensure_staged``.
        """
        with self._lock(model):
            if self._is_put_in(model, version, digest, beside):
                return
            self.ensure_staged(model, version, digest, beside)
            files = self.staged_model(model, version)
            self.served.add_model(model, files)
            self.served.sync_model_files(model, files)
            live = self.served.live_versions(model)
            self.served.write_config(model, live, self.staged_config(model, version))
            self.served.put(model, version, self.staged_version(model, version))

    def _is_put_in(self, model: str, version: int, digest: str, beside: Collection[str]) -> bool:
        if self.staged_version(model, version).is_dir():
            return False  # it has been copied since
        copy = self.served_version(model, version)
        # What a live version has written to its folder by now must not keep it from being served.
        if version in self.served.live_versions(model):
            return copy.is_dir()
        return _holds(copy, digest) and _holds_model(self.served.folder / model, model, beside)

    def build_apart(
        self, model: str, version: int, digest: str, folder: Path, beside: Collection[str] = ()
    ) -> None:
        """Make a repository in ``folder`` that holds this version of this model, and nothing else.

        What a version on trial writes to its files touches no other copy. Raises as
        ``ensure_staged``.
        """
        with self._lock(model):
            files, copy = self.staged_model(model, version), self.served_version(model, version)
            if not (files.is_dir() and self._is_put_in(model, version, digest, beside)):
                self.ensure_staged(model, version, digest, beside)
                copy = self.staged_version(model, version)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(files, folder / model, copy_function=copy_own)
            shutil.copytree(copy, folder / model / str(version), copy_function=copy_own)

    def forget_apart(self, rollouts: Collection[str]) -> None:
        """Remove the repositories of all attempts but these."""
        with contextlib.suppress(FileNotFoundError):
            for folder in (self.paths.staged / _APART).iterdir():
                if folder.name not in rollouts:
                    shutil.rmtree(folder, ignore_errors=True)

    def copied(self, model: str) -> frozenset[int]:
        """Name the versions of which there is any copy, be it half of one. Raises OSError."""
        staged = frozenset(self._staged(model).values())
        return staged | self.served.versions(model)

    def forget(self, model: str, version: int) -> None:
        """Remove all copies of a version that is not served.

        Each goes at once: an attempt that follows may make its own. Raises OSError.
        """
        self.served.remove_version(model, version)
        for folder, number in self._staged(model).items():
            if number == version:
                self.served.remove(folder)

    def _lock(self, model: str) -> threading.RLock:
        return self._locks.setdefault(model, threading.RLock())

    def _staged(self, model: str) -> Mapping[Path, int]:
        """Give what lies where versions of a model are staged, with the version that it is of."""
        try:
            folders = list((self.paths.staged / model).iterdir())
        except FileNotFoundError:
            return {}
        numbers = {one: _version_in(one.name) for one in folders}
        return {one: number for one, number in numbers.items() if number is not None}


def _holds(folder: Path, digest: str) -> bool:
    """Whether a copy is there, and of this content; without a digest any copy will do."""
    return folder.is_dir() and (not digest or content_digest(folder) == digest)


def _holds_model(folder: Path, model: str, digests: Collection[str]) -> bool:
    """Whether a copy of what the model has beside its versions is there, and is one of these."""
    if not digests:
        return folder.is_dir()
    try:
        return model_digest(folder, model) in digests
    except (SourceChanged, SourceRefused):
        return False


def _change(found: Staged, digest: str, beside: Collection[str]) -> str:
    if digest and found.digest != digest:
        return "has other files here than it began with"
    if beside and found.model_digest not in beside:
        return (
            "began with another config of its model, or other files beside it, than there are here"
            " now"
        )
    return ""


def _version_in(name: str) -> int | None:
    """Give the version that a copy is of, or what belongs to it, or is not done."""
    return version_of(name.removesuffix(_DRAFT).removeprefix(".").removesuffix(_MODEL))
