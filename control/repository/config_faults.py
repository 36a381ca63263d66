"""Finds configs that cannot be served, so that a drop waits until its model's has been mended."""

from dataclasses import replace

from control.repository.model_files import config_fault
from control.repository.scan import Look


class ConfigFaults:
    """Remembers which configs are good, so that only others are read again.

    Belongs to one thread at a time.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._good: dict[str, str] = {}

    def find(self, look: Look) -> None:
        """Note in a look what is wrong with the configs that it shows."""
        good: dict[str, str] = {}
        for name, model in look.models.items():
            files = model.files
            if files.fault or not model.has_config:
                continue
            is_known = self._good.get(name) == files.fingerprint
            fault = "" if is_known else config_fault(files, name)
            if fault:
                model.files = replace(files, fault=fault)
            else:
                good[name] = files.fingerprint
        self._good = good
