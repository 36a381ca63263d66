"""Finds configs that were changed beside versions that are served: no version has brought them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from control.repository.model_files import read_source_config
from control.repository.names import CONFIG
from control.repository.pinned_config import config_digest
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.served import ServedRepository


@dataclass(frozen=True, slots=True)
class Unserved:
    """A model whose config in the source is not what is served, and what it is."""

    model: str
    reason: str


def unserved_configs(served: ServedRepository, source: Path) -> Iterator[Unserved]:
    """Name the served models whose config.pbtxt in ``source`` says something else, or nothing.

    Nobody has verified it with the versions that are live, so that it may not even load them.
    What cannot be looked at is named, too. Raises OSError where the served copies cannot be seen.
    """
    for model in served.models():
        reason = _difference(served, source / model) if served.live_versions(model) else ""
        if reason:
            yield Unserved(model, reason)


def _difference(served: ServedRepository, model: Path) -> str:
    try:
        if not (model / CONFIG).is_file():
            return ""
        text = read_source_config(model)
        is_served = config_digest(text, model.name) == served.config_digest(model.name)
    except (SourceRefused, SourceChanged) as error:
        return str(error)
    except OSError as error:  # another's folder, or a file system that fails: of this model alone
        return f"it cannot be looked at: {error.strerror}"
    return "" if is_served else "it says something else"
