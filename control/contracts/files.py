"""Finds a version's contract file, and reads files that an author has named."""

import stat
from pathlib import Path

from control.contracts.faults import ContractBroken, Fault
from control.repository.names import CONTRACT


def find_contract(folder: Path, version: int) -> Path | None:
    """Give the file that holds for a version: its own, else the model's."""
    own = (folder / str(version) / CONTRACT, folder / CONTRACT)
    return next((file for file in own if file.is_file()), None)


def read_file(file: Path, name: str, most: int) -> bytes:
    """Read a file of at most so many bytes; raises ContractBroken, naming it ``name``."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ContractBroken([Fault(name, 0, "", "is no file")])
        if found.st_size > most:
            message = f"has {found.st_size} bytes, at most {most} are allowed"
            raise ContractBroken([Fault(name, 0, "", message)])
        return file.read_bytes()
    except FileNotFoundError as error:
        raise ContractBroken([Fault(name, 0, "", "is missing")]) from error
    except OSError as error:
        reason = error.strerror or "unknown"
        raise ContractBroken([Fault(name, 0, "", f"cannot be read: {reason}")]) from error
