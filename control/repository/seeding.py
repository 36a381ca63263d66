"""Makes the served repository at the first start: nothing is served here yet.

Where nothing is served anywhere, the repository is taken over as it is. Where records say what is
live already, that is taken over, and nothing else: all else has to prove itself.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from control.repository.bytecode import compile_python
from control.repository.content import content_digest
from control.repository.model_files import copy_model_files, model_digest
from control.repository.names import CONFIG, version_of
from control.repository.pinned_config import chosen_versions, pin
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.served import ServedRepository
from control.repository.staging import copy_version
from control.triton.repository import Inspection, Refused, inspect_repository


class SeedingStopped(Exception):
    """Seeding was asked to stop; nothing of it is left."""


@dataclass(frozen=True, slots=True)
class Live:
    """A version that is live by its record: the digest of its content, and of its model's files.

    Any of those in ``beside`` may lie beside it; where there is none, anything may.
    """

    digest: str
    beside: frozenset[str] = frozenset()


#: What is live, by model and version.
Known = Mapping[str, Mapping[int, Live]]

_ANYTHING: Final = Live("")
_CHANGED: Final = "its files have been changed since it went live: copy the former ones back"
_CHANGED_MODEL: Final = (
    "its config.pbtxt, or a file beside its versions, is not what they were verified with: put the"
    " former one back"
)


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
    served: ServedRepository,
    source: Path,
    is_stopped: Callable[[], bool] = lambda: False,
    known: Known | None = None,
) -> Seeded:
    """Copy every model's versions that its own config asks for; all of it is there, or nothing.

    With ``known``, copy what is live by that, as far as its content is still the same. Works for
    as long as the files are large: call it on a thread. Raises SeedingStopped, and OSError where
    the copy cannot be made.
    """
    served.tidy()
    inspection = inspect_repository(source)
    with served.drafting() as drafts:
        seeding = _Seeding(drafts, is_stopped)
        seeding.seeded.refused += inspection.refused
        if known is None:
            for model in inspection.loadable:
                seeding.take(source / model)
        else:
            seeding.seeded.refused += _missing(known, inspection)
            for model in sorted(known.keys() & set(inspection.loadable)):
                seeding.take(source / model, known[model])
        seeding.finish(served.folder)
    return seeding.seeded


def _missing(known: Known, inspection: Inspection) -> Iterator[Refused]:
    there = {*inspection.loadable, *(one.model for one in inspection.refused)}
    for model in sorted(known.keys() - there):
        yield Refused(model, "it is live, but has no folder in the repository")


class _Seeding:
    """Builds a served repository in a folder of drafts."""

    def __init__(self, drafts: Path, is_stopped: Callable[[], bool]) -> None:
        self.seeded = Seeded()
        self._drafts = drafts
        self._whole = drafts / "whole"
        self._whole.mkdir(mode=0o700)  # the originals may be their author's only
        self._is_stopped = is_stopped

    def take(self, source: Path, live: Mapping[int, Live] | None = None) -> None:
        """Take a model over, as far as it can be served: what is live, or what its config says."""
        model = source.name
        draft = self._drafts / "model"
        try:
            text = copy_model_files(source, draft)
            wanted = dict.fromkeys(_wanted(text, source), _ANYTHING) if live is None else live
            (draft / CONFIG).write_text(pin(text, model, wanted))
            _check_beside(draft, model, wanted)
            taken = tuple(
                one for one in sorted(wanted) if self._take_version(source, draft, one, wanted[one])
            )
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

    def _take_version(self, source: Path, draft: Path, version: int, live: Live) -> bool:
        target = draft / str(version)
        try:
            copied, count = copy_version(source / str(version), target, self._check_stopped)
            _check_content(target, live)
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


def _check_beside(draft: Path, model: str, wanted: Mapping[int, Live]) -> None:
    allowed = [one.beside for one in wanted.values() if one.beside]
    if allowed and model_digest(draft, model) not in frozenset.intersection(*allowed):
        raise SourceChanged(_CHANGED_MODEL)


def _check_content(draft: Path, live: Live) -> None:
    if live.digest and content_digest(draft) != live.digest:
        raise SourceChanged(_CHANGED)


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
