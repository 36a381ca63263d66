"""The repository that tritonserver serves: Seawall's own copy, in the state directory.

Every change is a rename, so that whoever is killed leaves the state before it or the one after it,
and every change may be made twice. One process at a time makes changes.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Final

from control.repository.content import content_digest
from control.repository.model_files import (
    copy_model_files,
    model_digest,
    replace_model_files,
)
from control.repository.names import CONFIG, is_model_name, version_of
from control.repository.pinned_config import config_digest, pin, pinned_versions, repin
from control.triton.repository import Inspection, inspect_repository

#: How names in the workshop begin; a killed process may leave such.
_DRAFT: Final = ".draft-"


class ServedRepository:
    """One served repository. Models without versions to load lie in it, but are not loaded."""

    def __init__(self, folder: Path, workshop: Path) -> None:
        """Serve from ``folder``; ``workshop``, on the same file system, holds what is not done."""
        self.folder = folder
        self._workshop = workshop

    def exists(self) -> bool:
        """Whether it has been seeded."""
        return self.folder.is_dir()

    def tidy(self) -> None:
        """Remove what killed processes have left half done."""
        for left in self._workshop.glob(f"{_DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)

    def models(self) -> dict[str, tuple[int, ...]]:
        """Give the versions that lie there, by model."""
        return {
            folder.name: tuple(sorted(_versions_in(folder)))
            for folder in sorted(self.folder.iterdir())
            if folder.is_dir() and is_model_name(folder.name)
        }

    def versions(self, model: str) -> frozenset[int]:
        """Give the versions of a model that lie there; none of an unknown model."""
        try:
            return frozenset(_versions_in(self.folder / model))
        except FileNotFoundError:
            return frozenset()

    def live_versions(self, model: str) -> tuple[int, ...]:
        """Give the versions that a start of tritonserver loads; none of an unknown model."""
        try:
            return pinned_versions((self.folder / model / CONFIG).read_text())
        except FileNotFoundError:
            return ()

    def inspect(self) -> Inspection:
        """Sort the models that have versions to load into loadable and refused."""
        found = inspect_repository(self.folder)
        return Inspection(
            [one for one in found.loadable if self.live_versions(one)],
            [one for one in found.refused if self.live_versions(one.model)],
        )

    def add_model(self, model: str, source: Path, versions: Iterable[int] = ()) -> None:
        """Take over a new model's config and files; one that is there already stays as it is.

        Raises SourceRefused or SourceChanged.
        """
        place = self.folder / model
        if place.is_dir():
            return
        with self.drafting() as drafts:
            text = copy_model_files(source, drafts / model)
            (drafts / model / CONFIG).write_text(pin(text, model, versions))
            (drafts / model).rename(place)

    def put(self, model: str, version: int, staged: Path) -> None:
        """Move a staged version in; one that has been moved already is not missed.

        Raises FileNotFoundError where there is neither.
        """
        place = self.folder / model / str(version)
        if place.is_dir() and not staged.is_dir():
            return
        self.remove_version(model, version)
        staged.rename(place)

    def write_config(
        self, model: str, versions: Iterable[int], config_text: str | None = None
    ) -> None:
        """Say which versions to load, by a config of the source where one is given.

        Raises SourceRefused where that is no config, FileNotFoundError for an unknown model.
        """
        place = self.folder / model / CONFIG
        present = place.read_text()
        text = (
            repin(present, versions) if config_text is None else pin(config_text, model, versions)
        )
        if text == present:
            return
        with self.drafting() as drafts:
            (drafts / CONFIG).write_text(text)
            (drafts / CONFIG).rename(place)

    def sync_model_files(self, model: str, source: Path) -> bool:
        """Make all but config and versions like the source's; gives whether anything changed.

        Raises SourceRefused or SourceChanged.
        """
        with self.drafting() as drafts:
            return replace_model_files(source, self.folder / model, drafts)

    def remove_version(self, model: str, version: int) -> None:
        """Remove a version's files."""
        self.remove(self.folder / model / str(version))

    def remove(self, folder: Path) -> None:
        """Remove a folder of ours, if it is there: at once, however large; a full disk is no bar.

        Raises OSError.
        """
        self._workshop.mkdir(parents=True, exist_ok=True)
        gone = self._workshop / f"{_DRAFT}{token_hex(8)}"
        with contextlib.suppress(FileNotFoundError):
            folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def config_digest(self, model: str) -> str:
        """Give the SHA-256 of a model's config without its versions; raises FileNotFoundError."""
        return config_digest((self.folder / model / CONFIG).read_text(), model)

    def model_digest(self, model: str) -> str:
        """Give the SHA-256 of all that a model has beside its versions.

        Raises SourceRefused or SourceChanged, and OSError.
        """
        return model_digest(self.folder / model, model)

    def version_digest(self, model: str, version: int) -> str:
        """Give the SHA-256 of a version's content; reads all of it."""
        return content_digest(self.folder / model / str(version))

    @contextlib.contextmanager
    def drafting(self) -> Iterator[Path]:
        """Give a folder to prepare something in; what is left in it afterwards is removed."""
        self._workshop.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=_DRAFT, dir=self._workshop, ignore_cleanup_errors=True
        ) as drafts:
            yield Path(drafts)


def _versions_in(model: Path) -> Iterator[int]:
    for folder in model.iterdir():
        version = version_of(folder.name)
        if version is not None and folder.is_dir():
            yield version
