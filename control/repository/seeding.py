"""Makes the served repository at the first start: nothing is served yet that could be harmed."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from control.repository.bytecode import compile_python
from control.repository.model_files import copy_model_files, read_source_config
from control.repository.names import CONFIG, version_of
from control.repository.pinned_config import chosen_versions, pin
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.served import ServedRepository
from control.repository.staging import copy_version
from control.triton.repository import Refused, inspect_repository


class SeedingStopped(Exception):
    """Seeding was asked to stop; nothing of it is left."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A version that was asked for but cannot be served; other versions of its model are."""

    model: str
    version: int
    reason: str


@dataclass(slots=True)
class Seeded:
    """What was taken over, by model, and what was not."""

    versions: dict[str, tuple[int, ...]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    bytes: int = 0
    files: int = 0


def seed(
    served: ServedRepository, source: Path, is_stopped: Callable[[], bool] = lambda: False
) -> Seeded:
    """Copy every model's versions that its own config asks for; all of it is there, or nothing.

    Works for as long as the files are large: call it on a thread. Raises SeedingStopped, and
    OSError where the copy cannot be made.
    """
    served.tidy()
    inspection = inspect_repository(source)
    with served.drafting() as drafts:
        seeding = _Seeding(drafts, is_stopped)
        seeding.seeded.refused += inspection.refused
        for model in inspection.loadable:
            seeding.take(source / model)
        seeding.finish(served.folder)
    return seeding.seeded


class _Seeding:
    """Builds a served repository in a folder of drafts."""

    def __init__(self, drafts: Path, is_stopped: Callable[[], bool]) -> None:
        self.seeded = Seeded()
        self._drafts = drafts
        self._whole = drafts / "whole"
        self._whole.mkdir()
        self._is_stopped = is_stopped

    def take(self, source: Path) -> None:
        """Take a model over, as far as it can be served."""
        model = source.name
        draft = self._drafts / "model"
        try:
            text = read_source_config(source)
            wanted = _wanted(text, source)
            copy_model_files(source, draft)
            taken = tuple(one for one in wanted if self._take_version(source, draft, one))
            (draft / CONFIG).write_text(pin(text, model, _some(taken)))
            draft.rename(self._whole / model)
            self.seeded.versions[model] = taken
        except (SourceRefused, SourceChanged) as error:
            self.seeded.refused.append(Refused(model, str(error)))
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def finish(self, place: Path) -> None:
        """Put the whole in its place at once."""
        versions = self.seeded.versions.items()
        compile_python(
            [self._whole / model / str(one) for model, taken in versions for one in taken]
        )
        self._check_stopped()
        self._whole.rename(place)

    def _take_version(self, source: Path, draft: Path, version: int) -> bool:
        target = draft / str(version)
        try:
            copied, count = copy_version(source / str(version), target, self._check_stopped)
        except (SourceRefused, SourceChanged) as error:
            shutil.rmtree(target, ignore_errors=True)
            self.seeded.left_out.append(LeftOut(source.name, version, str(error)))
            return False
        self.seeded.bytes += copied
        self.seeded.files += count
        return True

    def _check_stopped(self) -> None:
        if self._is_stopped():
            raise SeedingStopped


def _wanted(config: str, model: Path) -> tuple[int, ...]:
    found = [version_of(folder.name) for folder in model.iterdir() if folder.is_dir()]
    present = [version for version in found if version is not None]
    wanted = chosen_versions(config, model.name, present)
    if not wanted:
        raise SourceRefused("its version_policy chooses no version that is there")
    return wanted


def _some(taken: tuple[int, ...]) -> tuple[int, ...]:
    if not taken:
        raise SourceRefused("none of its versions can be served")
    return taken
