"""What is known of each version's folder in the source, from one look to the next."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Final, TypeVar

from control.core.rollout_facts import DropState
from control.core.settling import Finding, FolderFacts, Sighting, Sums, due_in_s, find, see
from control.repository.names import CONFIG, version_of
from control.repository.reading import Reading, sums_file
from control.repository.scan import Look, ModelLook
from control.repository.tree import Tree

Key = tuple[str, int]
_K = TypeVar("_K")
_V = TypeVar("_V")

#: Checksums are compared only once nobody has written for so long: else it would be done in vain.
PAUSE_BEFORE_READING_S: Final = 0.2
#: Stands for what a model has beside its versions.
_MODEL_FILES: Final = 0


@dataclass(frozen=True, slots=True)
class Drop:
    """A version's folder in the source.

    ``fingerprint`` changes when its files do, ``since_s`` says since when they have been as they
    are (monotonic seconds). ``digest`` is of their content, as that of a staged copy; empty until
    they have been read. ``reason`` says why it is not complete.
    """

    model: str
    version: int
    state: DropState
    fingerprint: str
    since_s: float
    reason: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What a model has beside its versions, its config among it."""

    model: str
    state: DropState
    fingerprint: str
    reason: str = ""


@dataclass(slots=True)
class _Known:
    sighting: Sighting
    tree: Tree
    reading: Reading | None = None
    failure: str = ""
    failures: int = 0

    @property
    def facts(self) -> FolderFacts:
        """What there is to judge by."""
        read = self.reading
        if read is not None and read.fingerprint == self.tree.fingerprint:
            return FolderFacts(self.sighting, read.sums, self.tree.fault or read.fault)
        sums = Sums.NONE if sums_file(self.tree) is None else Sums.UNREAD
        return FolderFacts(self.sighting, sums, self.tree.fault, self.failure)

    def is_unread(self, now_s: float) -> bool:
        """Whether its content should be read: it has changed, and rests."""
        if self.tree.fault or self.sighting.still_s(now_s) < PAUSE_BEFORE_READING_S:
            return False
        return self.reading is None or self.reading.fingerprint != self.tree.fingerprint


@dataclass(slots=True)
class DropBook:
    """Takes looks in, gives drops out. Belongs to one thread."""

    source: Path
    settle_s: float
    _known: dict[Key, _Known] = field(default_factory=dict)
    _drops: dict[Key, Drop] = field(default_factory=dict)
    _files: dict[str, ModelFiles] = field(default_factory=dict)

    def take(self, look: Look, renamed: Iterable[Path], *, began_s: float, ended_s: float) -> None:
        """Take a look in. What cannot be read now is kept as it was.

        What has changed may have done so until the look ended; what has not, only until it began.
        """
        whole = set(self._came_whole(renamed, look))
        seen: dict[Key, _Known] = {
            key: known for key, known in self._known.items() if key[0] in look.unreadable
        }
        for model, one in look.models.items():
            trees = {_MODEL_FILES: one.files, **one.versions}
            for version, tree in trees.items():
                key = (model, version)
                seen[key] = self._see(key, tree, ended_s, renamed_in=key in whole)
        self._known = seen
        self._judge(look, began_s)

    def drops(self) -> Mapping[Key, Drop]:
        """Give the drops as of the last look."""
        return self._drops

    def model_files(self) -> Mapping[str, ModelFiles]:
        """Give what the models have beside their versions, as of the last look."""
        return self._files

    def next_unread(self, now_s: float) -> tuple[Key, Tree] | None:
        """Choose whose content to read next; those first whose checksums are waited for.

        What could not be read comes after all that has been tried less often.
        """
        waiting = [
            (known.failures, known.facts.sums is not Sums.UNREAD, key)
            for key, known in self._known.items()
            if key[1] != _MODEL_FILES and known.is_unread(now_s)
        ]
        if not waiting:
            return None
        key = min(waiting)[-1]
        return key, self._known[key].tree

    def take_reading(self, key: Key, reading: Reading) -> None:
        """Take in what a version holds."""
        if key in self._known:
            self._known[key].reading = reading

    def take_failure(self, key: Key, tree: Tree, reason: str) -> bool:
        """Take in why a version could not be read that looked like this; gives if that is news."""
        known = self._known.get(key)
        if known is None or known.tree.fingerprint != tree.fingerprint:
            return False
        known.failures += 1
        is_news, known.failure = known.failure != reason, reason
        return is_news

    def trees(self) -> Iterator[Tree]:
        """Give how the folders look."""
        return (known.tree for known in self._known.values())

    def due_in_s(self, now_s: float) -> float:
        """Give in how many seconds another look may show more, though nothing has changed."""
        waits = (
            due_in_s(known.sighting, wait_s, now_s)
            for known in self._known.values()
            for wait_s in (PAUSE_BEFORE_READING_S, self.settle_s)
        )
        return min(waits, default=inf)

    def _came_whole(self, renamed: Iterable[Path], look: Look) -> Iterator[Key]:
        """Give what was renamed in: a version, or a whole model with all that is in it."""
        for path in renamed:
            version = version_of(path.name)
            if path.parent.parent == self.source and version is not None:
                yield path.parent.name, version
            elif path.parent == self.source and path.name in look.models:
                yield path.name, _MODEL_FILES
                for number in look.models[path.name].versions:
                    yield path.name, number

    def _see(self, key: Key, tree: Tree, now_s: float, *, renamed_in: bool) -> _Known:
        before = self._known.get(key)
        sighting = see(
            before.sighting if before else None, tree.activity, now_s, renamed_in=renamed_in
        )
        if before is None:
            return _Known(sighting, tree)
        if before.tree.fingerprint != tree.fingerprint:
            return _Known(sighting, tree, before.reading)
        return replace(before, sighting=sighting, tree=tree)

    def _judge(self, look: Look, now_s: float) -> None:
        files, drops = dict[str, ModelFiles](), dict[Key, Drop]()
        for model, version in sorted(self._known):
            key = (model, version)
            if model in look.unreadable:
                _keep(key, self._drops, drops)
                _keep(model, self._files, files)
            elif version == _MODEL_FILES:
                files[model] = self._judge_files(model, look.models[model], now_s)
            else:
                drops[key] = self._judge_drop(key, files[model], now_s)
        self._files, self._drops = files, drops

    def _judge_files(self, model: str, look: ModelLook, now_s: float) -> ModelFiles:
        known = self._known[model, _MODEL_FILES]
        found = find(known.facts, self.settle_s, now_s)
        if not look.has_config and found.state is DropState.COMPLETE:
            found = Finding(DropState.WRITING, f"the model has no {CONFIG} yet")
        return ModelFiles(model, found.state, known.tree.fingerprint, found.reason)

    def _judge_drop(self, key: Key, files: ModelFiles, now_s: float) -> Drop:
        known = self._known[key]
        found = find(known.facts, self.settle_s, now_s)
        if found.state is DropState.COMPLETE and files.state is not DropState.COMPLETE:
            found = Finding(files.state, f"beside the version: {files.reason}")
        read = known.reading
        is_read = read is not None and read.fingerprint == known.tree.fingerprint
        return Drop(
            *key,
            state=found.state,
            fingerprint=known.tree.fingerprint,
            since_s=known.sighting.since_s,
            reason=found.reason,
            digest=read.digest if read is not None and is_read else "",
        )


def _keep(key: _K, before: Mapping[_K, _V], now: dict[_K, _V]) -> None:
    if key in before:
        now[key] = before[key]
