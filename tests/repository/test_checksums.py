"""The list of checksums that a drop may carry."""

import subprocess
from pathlib import Path

import pytest

from control.core.settling import Sums
from control.repository.checksums import SumsBroken, compare, parse_sums
from tests.repository.source_models import VERSION, write_files

ONE, OTHER = "1" * 64, "2" * 64


def test_a_list_is_what_sha256sum_writes(tmp_path: Path) -> None:
    """Odd names, hidden files and the half-written list itself included."""
    files = {**VERSION, "a b": "x", "back\\slash": "y", "new\nline": "z", ".hidden": "h"}
    write_files(tmp_path, files)
    command = "find . -type f -print0 | xargs -0 sha256sum > SHA256SUMS"
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    sums = parse_sums((tmp_path / "SHA256SUMS").read_text())
    assert set(sums) == set(files) - {".hidden"}
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], check=False, cwd=tmp_path)
    assert compare(sums, sums) == (Sums.ALL, "")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"{ONE}  a\n{ONE[:-4]}", "SHA256SUMS line 2 is not '<sha256>  <file>'"),
        (f"{ONE} a", "SHA256SUMS line 1 is not '<sha256>  <file>'"),
        (f"{ONE}  /etc/passwd", "SHA256SUMS line 1 names a file outside of the folder"),
        (f"# two\n{ONE} *../a", "SHA256SUMS line 2 names a file outside of the folder"),
    ],
)
def test_a_broken_list_names_its_line(text: str, fault: str) -> None:
    """Half-written, of another form, or with a name that leads elsewhere."""
    with pytest.raises(SumsBroken) as caught:
        parse_sums(text)
    assert str(caught.value) == fault


def test_what_is_wrong_is_told_by_its_file() -> None:
    """A file that is missing, and one that is another."""
    sums = parse_sums(f"{ONE}  a\r\n{ONE} *./b/c\n")
    assert sums == {"a": ONE, "b/c": ONE}
    assert compare(sums, {"a": ONE})[1] == "b/c is missing: SHA256SUMS names it"
    found, fault = compare(sums, {"a": ONE, "b/c": OTHER})
    assert found is Sums.WRONG
    assert fault == (
        f"b/c is not the file that SHA256SUMS names: its SHA-256 must be {ONE}, got {OTHER}"
    )


def test_files_that_are_not_named_are_not_vouched_for() -> None:
    """The list says nothing of them: they may still be written."""
    got = {"a": ONE, "SHA256SUMS": OTHER}
    assert compare({"a": ONE}, got) == (Sums.ALL, "")
    assert compare({"a": ONE}, {**got, "b": ONE}) == (Sums.RIGHT, "")
