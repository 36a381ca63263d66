"""Finds configs that were changed beside versions that are served: no version has brought them."""

from collections.abc import Iterator
from pathlib import Path

from control.repository.model_files import read_source_config
from control.repository.names import CONFIG
from control.repository.pinned_config import config_digest
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.served import ServedRepository


def unserved_configs(served: ServedRepository, source: Path) -> Iterator[str]:
    """Name the served models whose config.pbtxt in ``source`` says something else, or nothing.

    Nobody has verified it with the versions that are live, so that it may not even load them.
    Raises OSError.
    """
    for model in served.models():
        if not served.live_versions(model) or not (source / model / CONFIG).is_file():
            continue
        try:
            text = read_source_config(source / model)
            is_served = config_digest(text, model) == served.config_digest(model)
        except (SourceRefused, SourceChanged):
            is_served = False
        if not is_served:
            yield model
