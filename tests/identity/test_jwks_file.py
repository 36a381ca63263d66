"""The JWKS file, watched."""

import os
from pathlib import Path

import pytest

from control.identity.jwks_file import JwksFile
from tests.support.jwts import Issuer, jwks

OLD, NEW = Issuer("ES256", kid="old"), Issuer("ES256", kid="new", number=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is, with one key in it."""
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks(OLD))
    return file


@pytest.fixture
def file(path: Path) -> JwksFile:
    """The file, read once."""
    made = JwksFile(path)
    made.poll()
    return made


def replace(path: Path, document: bytes) -> None:
    """Put another file in the place of the one there, as rotation does."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(document)
    draft.replace(path)


def test_keys_are_read_and_rotated(file: JwksFile, path: Path) -> None:
    """A changed file brings its keys at the next look, and takes the old ones away."""
    assert file.keys.find("old", "ES256") is not None
    replace(path, jwks(NEW))
    file.poll()
    assert (file.keys.find("old", "ES256"), file.fault) == (None, "")
    assert file.keys.find("new", "ES256") is not None


def test_a_file_that_stays_is_not_read_again(file: JwksFile, path: Path) -> None:
    """A look at a file that has not changed costs one system call."""
    keys = file.keys
    found = path.stat()
    path.write_bytes(jwks(NEW))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    file.poll()
    assert file.keys is keys


@pytest.mark.parametrize("document", [b"", b"{", jwks(), jwks({"kty": "oct", "k": "AA"})])
def test_a_broken_file_never_replaces_a_good_one(
    file: JwksFile, path: Path, document: bytes
) -> None:
    """The last good keys go on signing, and the fault is told until the file is mended."""
    keys = file.keys
    replace(path, document)
    for _ in range(2):
        file.poll()
        assert file.keys is keys
        assert file.fault
    replace(path, jwks(NEW))
    file.poll()
    assert (file.keys.count, file.fault) == (1, "")
    assert file.keys is not keys


def test_a_file_that_is_gone_leaves_its_keys(file: JwksFile, path: Path) -> None:
    """A deleted file is a fault, not an empty key set; the same file brings its keys back."""
    keys = file.keys
    document = path.read_bytes()
    path.unlink()
    file.poll()
    assert (file.keys, file.fault) == (keys, "it cannot be read: No such file or directory")
    path.write_bytes(document)
    file.poll()
    assert (file.keys.document, file.fault) == (keys.document, "")


def test_no_file_is_no_keys() -> None:
    """Without the setting no JWT is accepted, and nothing is wrong."""
    file = JwksFile(None)
    file.poll()
    assert (file.keys.count, file.keys.document, file.fault) == (0, b"", "")
