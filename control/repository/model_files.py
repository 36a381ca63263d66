"""What a model has beside its versions: its config, warm-up samples, labels."""

from collections.abc import Iterator
from pathlib import Path

from control.repository.content import checksum, digest_of, open_regular
from control.repository.names import CONFIG
from control.repository.pinned_config import MAX_CONFIG_BYTES, config_digest, pin
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.staging import copy_files
from control.repository.tree import Tree, TreeFile, read_model_files


def read_source_config(model: Path) -> str:
    """Give the text of a model's config; raises SourceRefused or SourceChanged."""
    return config_of(_look(model))


def config_of(tree: Tree) -> str:
    """Give the text of the config among a model's files; raises SourceRefused or SourceChanged."""
    file = next((one for one in tree.files if one.name == CONFIG), None)
    if file is None:
        raise SourceRefused(f"the model has no {CONFIG}")
    if file.size > MAX_CONFIG_BYTES:
        raise SourceRefused(f"{CONFIG} must have {MAX_CONFIG_BYTES} bytes at most, got {file.size}")
    try:
        with open_regular(file) as opened:
            return opened.read(MAX_CONFIG_BYTES).decode()
    except UnicodeDecodeError as error:
        raise SourceRefused(f"{CONFIG} is not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise SourceChanged(f"{CONFIG} cannot be read: {error.strerror}") from error


def config_fault(tree: Tree, model: str) -> str:
    """Say why the config among a model's files cannot be served; empty where it can."""
    try:
        pin(config_of(tree), model, ())
    except SourceRefused as error:
        return error.reason
    except SourceChanged:
        return ""  # another look will tell
    return ""


def model_digest(folder: Path, model: str) -> str:
    """Give the SHA-256 of all that a model has beside its versions; reads all of it.

    It is the same for the source, its copies and what is served: which versions the config names
    is left out. Raises SourceRefused or SourceChanged, and OSError.
    """
    tree = _look(folder)
    config = config_digest(config_of(tree), model)
    return digest_of([(CONFIG, config), *((one.name, checksum(one)) for one in _others(tree))])


def copy_model_files(source: Path, target: Path) -> str:
    """Copy all but the config into a new folder; gives the config's text.

    Raises SourceRefused or SourceChanged, and OSError.
    """
    tree = _look(source)
    text = config_of(tree)
    target.mkdir(parents=True)
    copy_files(_others(tree), target)
    return text


def replace_model_files(source: Path, target: Path, draft: Path) -> bool:
    """Make a model's files like those in ``source``, each at once; gives whether any was changed.

    Neither its config nor its versions are touched. ``draft`` is a folder on the same file system.
    Raises SourceRefused or SourceChanged, and OSError.
    """
    wanted = {file.name: file for file in _others(_look(source))}
    present = {file.name: file for file in _others(read_model_files(target))}
    stale = [
        name
        for name, file in wanted.items()
        if name not in present or _differs(file, present[name])
    ]
    copy_files([wanted[name] for name in stale], draft)
    for name in present.keys() - wanted.keys():
        _remove(target / name, target)
    for name in stale:
        _put(draft / name, target / name)
    return bool(stale) or bool(present.keys() - wanted.keys())


def _look(model: Path) -> Tree:
    try:
        tree = read_model_files(model)
    except OSError as error:
        raise SourceChanged(f"the model's folder cannot be seen: {error.strerror}") from error
    if tree.fault:
        raise SourceRefused(tree.fault)
    return tree


def _others(tree: Tree) -> Iterator[TreeFile]:
    return (file for file in tree.files if file.name != CONFIG)


def _differs(wanted: TreeFile, present: TreeFile) -> bool:
    return wanted.size != present.size or checksum(wanted) != checksum(present)


def _put(draft: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft.replace(place)


def _remove(file: Path, model: Path) -> None:
    """Remove a file, and the folders that hold nothing else."""
    file.unlink(missing_ok=True)
    for folder in file.parents:
        if folder == model or next(folder.iterdir(), None) is not None:
            return
        folder.rmdir()
