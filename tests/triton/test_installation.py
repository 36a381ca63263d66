import sys
from pathlib import Path

import pytest

import backends
from control.triton.installation import (
    Installation,
    TritonNotInstalled,
    assemble_backends,
    find_installation,
    server_environment,
)
from tests.support.stack import ROOT


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """A wheel with as much in it as is copied."""
    python = tmp_path / "wheel" / "backends" / "python"
    (python / "folder").mkdir(parents=True)
    (python / "libtriton_python.so").write_text("library")
    (python / "triton_python_backend_stub").write_text("stub for another Python")
    stub = tmp_path / "wheel" / "stubs" / "triton_python_backend_stub"
    stub.parent.mkdir()
    stub.write_text("stub for this Python")
    stub.chmod(0o755)
    return Installation(tmp_path / "server", tmp_path / "libraries", python, stub)


def test_backends_are_put_together(installation: Installation, tmp_path: Path) -> None:
    """Files are copied, with this Python's stub over the other; our own backends are linked."""
    target = tmp_path / "run" / "backends"
    assemble_backends(installation, target)
    assert (target / "python" / "libtriton_python.so").read_text() == "library"
    stub = target / "python" / "triton_python_backend_stub"
    assert stub.read_text() == "stub for this Python"
    assert stub.stat().st_mode & 0o111
    assert not (target / "python" / "folder").exists()
    assert not any(one.is_symlink() for one in (target / "python").iterdir())
    guarded = target / "guarded"
    assert guarded.resolve() == Path(backends.__path__[0]).resolve() / "guarded"
    assert (guarded / "model.py").is_file()
    assert {one.name for one in target.iterdir()} == {"python", "guarded"}


def test_what_an_earlier_run_left_is_replaced(installation: Installation, tmp_path: Path) -> None:
    """The directory holds what belongs there now, and removing it follows no link."""
    target = tmp_path / "backends"
    assemble_backends(installation, target)
    (target / "old").mkdir()
    assemble_backends(installation, target)
    assert not (target / "old").exists()
    assert (ROOT / "backends" / "guarded" / "model.py").is_file()


def test_stubs_find_this_python_first(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ``python3`` in PATH is ours, and the wheel's libraries come before others'."""
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/theirs")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("KEPT", "yes")
    environment = server_environment(installation)
    assert environment["PATH"].split(":") == [str(Path(sys.executable).parent), "/usr/bin"]
    first, _, last = environment["LD_LIBRARY_PATH"].split(":")
    assert (first, last) == (str(installation.libraries), "/theirs")
    assert "PYTHONHOME" not in environment
    assert environment["KEPT"] == "yes"


def test_no_library_path_leaves_no_empty_entry(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty entry would mean the working directory."""
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    assert "" not in server_environment(installation)["LD_LIBRARY_PATH"].split(":")
    monkeypatch.delenv("PATH")
    assert "" not in server_environment(installation)["PATH"].split(":")


@pytest.mark.triton
def test_the_wheel_is_found() -> None:
    """All parts that are needed lie in the wheel, for this Python."""
    found = find_installation()
    assert found.server.is_file()
    assert found.python_stub.is_file()
    assert (found.python_backend / "libtriton_python.so").is_file()
    assert found.libraries.is_dir()


@pytest.mark.parametrize("package", [False, True])
def test_a_missing_wheel_or_part_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: bool
) -> None:
    """Whoever has no tritonserver learns what to install, or what the wheel lacks."""
    if package:
        (tmp_path / "pytriton" / "tritonserver").mkdir(parents=True)
        (tmp_path / "pytriton" / "__init__.py").write_text("")
    site = [one for one in sys.path if not (Path(one) / "pytriton").exists()]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *site])
    monkeypatch.delitem(sys.modules, "pytriton", raising=False)
    told = "carries no tritonserver" if package else "pip install 'seawall\\[triton\\]'"
    with pytest.raises(TritonNotInstalled, match=told):
        find_installation()
