"""Where the files of a rollout lie, from the author's folder to the one that is served."""

import contextlib
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.repository.model_files import copy_model_files
from control.repository.names import CONFIG
from control.repository.pinned_config import pin
from control.repository.refusals import SourceChanged
from control.repository.served import ServedRepository
from control.repository.staging import Staged, stage
from control.runtime import RuntimePaths

#: No model is called so.
_APART: Final = ".apart"


@dataclass(frozen=True, slots=True)
class Places:
    """The author's repository, Seawall's copies of what is tried, and what is served.

    All methods read or write files: call them on a thread.
    """

    source: Path
    paths: RuntimePaths
    served: ServedRepository

    def source_model(self, model: str) -> Path:
        """Give an author's folder of a model."""
        return self.source / model

    def staged_version(self, model: str, version: int) -> Path:
        """Give Seawall's copy of a version that is not served yet."""
        return self.paths.staged / model / str(version)

    def staged_model(self, model: str, version: int) -> Path:
        """Give the copy of what the model had beside its versions when this one was dropped."""
        return self.paths.staged / model / f"{version}.model"

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
        shutil.rmtree(target, ignore_errors=True)
        text = copy_model_files(source, target)
        (target / CONFIG).write_text(pin(text, model, [version]))
        return stage(source / str(version), self.staged_version(model, version))

    def staged_config(self, model: str, version: int) -> str:
        """Give the text of the config that a version was dropped with; raises OSError."""
        return (self.staged_model(model, version) / CONFIG).read_text()

    def put_in(self, model: str, version: int, digest: str) -> None:
        """Move a version that is not loaded to what is served.

        Where it is there, it is not moved again, unless it has been copied anew since: that is
        another attempt's. Where there is no copy of it, it is copied anew, if its content is still
        what it was. Raises OSError, SourceChanged, SourceRefused or StagingFailed.
        """
        is_copied = self.staged_version(model, version).is_dir()
        if self.served_version(model, version).is_dir() and not is_copied:
            return
        files, staged = self.staged_model(model, version), self.staged_version(model, version)
        if not files.is_dir() or not staged.is_dir():
            self._stage_anew(model, version, digest)
        self.served.add_model(model, files)
        self.served.sync_model_files(model, files)
        live = self.served.live_versions(model)
        self.served.write_config(model, live, self.staged_config(model, version))
        self.served.put(model, version, staged)

    def _stage_anew(self, model: str, version: int, digest: str) -> None:
        found = self.stage(model, version).digest
        if digest and found != digest:
            self.forget(model, version)
            message = f"version {version} of '{model}' has other files here than it was tried with"
            raise SourceChanged(message)

    def build_apart(self, model: str, version: int, folder: Path) -> None:
        """Make a repository in ``folder`` that holds this version of this model, and nothing else.

        It shares the files of the copies, which nobody writes to. Raises OSError.
        """
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.staged_model(model, version), folder / model, copy_function=_link)
        shutil.copytree(
            self.staged_version(model, version),
            folder / model / str(version),
            copy_function=_link,
        )

    def forget_apart(self, rollouts: Collection[str]) -> None:
        """Remove the repositories of all attempts but these."""
        with contextlib.suppress(FileNotFoundError):
            for folder in (self.paths.staged / _APART).iterdir():
                if folder.name not in rollouts:
                    shutil.rmtree(folder, ignore_errors=True)

    def forget(self, model: str, version: int) -> None:
        """Remove the copies of a version that is not served."""
        shutil.rmtree(self.staged_version(model, version), ignore_errors=True)
        shutil.rmtree(self.staged_model(model, version), ignore_errors=True)
        self.served.remove_version(model, version)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
