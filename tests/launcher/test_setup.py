"""What a launcher prepares for its children."""

import asyncio
import os
import signal
import socket
import stat
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from control.child import ChildSetup, load_child_setup, save_child_setup
from control.config import Settings, load_settings
from control.identity.tokens import mint_token, operator_record
from control.launcher import tritonserver
from control.launcher.launch import LaunchError, launch
from control.runtime import InnerPaths, RuntimePaths
from tests.support.stack import free_port

MINTED = mint_token()
OPERATOR = operator_record(MINTED)


def test_a_setup_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Settings, paths, secret and sockets reach a child unchanged, and nobody else."""
    settings = load_settings(None, {}, {"gateway.workers": 3, "state.dir": str(tmp_path)})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sockets = {"http": listening.fileno()}
        setup = ChildSetup(settings, RuntimePaths(tmp_path), "s3cret", sockets, OPERATOR, "run")
        file = tmp_path / "setup.json"
        save_child_setup(setup, file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        loaded = load_child_setup(str(file))
        assert loaded == setup
        assert MINTED.text not in file.read_text(), "children know the operator's token by its hash"
        with loaded.socket("http") as taken:
            assert taken.getsockname() == listening.getsockname()
            assert taken.fileno() != listening.fileno()


def test_two_state_directories_share_no_shared_memory(tmp_path: Path) -> None:
    """Each Seawall names its regions by its own directory, and always alike."""
    one, two = RuntimePaths(tmp_path / "one"), RuntimePaths(tmp_path / "two")
    assert one.shared_memory_prefix != two.shared_memory_prefix
    assert (
        one.shared_memory_prefix == RuntimePaths(tmp_path / "x" / ".." / "one").shared_memory_prefix
    )


def test_a_start_removes_what_servers_beside_the_main_one_have_left(tmp_path: Path) -> None:
    """A killed launcher removes nothing: the next one knows by the names what was its own."""
    main = RuntimePaths(tmp_path)
    others = [main.extra_server(0), main.extra_server(1), InnerPaths(main.run / "v")]
    prefixes = {one.shared_memory_prefix for one in others}
    assert len(prefixes) == len(others)
    assert all(one.startswith(main.shared_memory_prefix) for one in prefixes)


def settings_for(directory: Path, **flags: object) -> Settings:
    """Settings on free ports with their state in a directory."""
    ports = {f"{name}.http": f"127.0.0.1:{free_port()}" for name in ("gateway", "metrics", "admin")}
    return load_settings(None, {}, {**ports, "state.dir": str(directory), **flags})


def launch_and_fail(settings: Settings) -> str:
    """Start a Seawall that cannot start, and give the reason."""
    with pytest.raises(LaunchError) as caught:
        asyncio.run(launch(settings, lambda _: None))
    return str(caught.value)


def test_a_missing_repository_is_told(tmp_path: Path) -> None:
    """Without models there is nothing to serve; nothing is left behind."""
    settings = settings_for(tmp_path / "var", **{"triton.repository": str(tmp_path / "none")})
    assert "is not a directory" in launch_and_fail(settings)
    assert not (tmp_path / "var" / "run").exists()


def test_a_repository_that_cannot_be_seen_is_told(tmp_path: Path) -> None:
    """A folder above it may be closed: a plain message says so."""
    (tmp_path / "closed").symlink_to("x" * 300)  # looking at it fails for root, too
    settings = settings_for(tmp_path / "var", **{"triton.repository": str(tmp_path / "closed")})
    assert "cannot be copied: File name too long" in launch_and_fail(settings)


def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    """The message names the address that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = settings_for(tmp_path, **{"gateway.http": address})
        assert f"cannot listen on {address}" in launch_and_fail(settings)


def test_a_state_directory_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    """A file in its place, or a path too long for sockets, is a plain message."""
    (tmp_path / "file").touch()
    assert "cannot be used" in launch_and_fail(settings_for(tmp_path / "file"))
    assert "too long" in launch_and_fail(settings_for(tmp_path / ("x" * 100)))


@pytest.mark.parametrize("is_new", [True, False])
def test_copies_are_nobody_elses_to_read(tmp_path: Path, is_new: bool) -> None:
    """The originals may be their author's only; so are those of a Seawall before this one."""
    paths = RuntimePaths(tmp_path / "new" / "var")
    wanted = {paths.state: 0o700, paths.staged: 0o700, paths.artifacts: 0o700}
    if not is_new:
        paths.served.mkdir(parents=True)
        paths.staged.mkdir()
        wanted |= {paths.served: 0o700, paths.state: stat.S_IMODE(paths.state.stat().st_mode)}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        launch_and_fail(settings_for(paths.state, **{"gateway.http": address}))
    assert {one: stat.S_IMODE(one.stat().st_mode) for one in wanted} == wanted


def test_two_seawalls_never_share_a_state_directory(tmp_path: Path) -> None:
    """The second one ends with a message, and the first one's files stay."""
    import fcntl  # noqa: PLC0415

    paths = RuntimePaths(tmp_path)
    paths.run.mkdir()
    (paths.run / "link.sock").touch()
    descriptor = os.open(paths.lock, os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert "another Seawall" in launch_and_fail(settings_for(tmp_path))
    assert (paths.run / "link.sock").exists()
    os.close(descriptor)


@pytest.mark.skipif(find_spec("redis") is not None, reason="a Redis client is installed here")
async def test_a_missing_redis_client_is_said_at_the_start(tmp_path: Path) -> None:
    """Not by every gateway, again and again: the start says what to install."""
    settings = load_settings(
        None, {}, {"quotas.storage_url": "async+redis://127.0.0.1:1", "state.dir": str(tmp_path)}
    )
    with pytest.raises(LaunchError, match=r"seawall\[redis\]"):
        await launch(settings, lambda _: None)


def test_a_signal_ends_a_seawall_whose_tritonserver_cannot_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be tried again for ever; whoever runs it must not need SIGKILL."""
    (tmp_path / "models").mkdir()
    settings = settings_for(tmp_path / "var", **{"triton.repository": str(tmp_path / "models")})
    program = tmp_path / "tritonserver"
    program.touch(mode=0o600)  # as on a file system where nothing may be executed
    nowhere = SimpleNamespace(server=program)
    monkeypatch.setattr(tritonserver, "find_installation", lambda: nowhere)
    monkeypatch.setattr(tritonserver, "server_environment", lambda _: {})
    monkeypatch.setattr(tritonserver, "assemble_backends", lambda *_: None)

    async def launch_and_stop() -> None:
        asyncio.get_running_loop().call_later(0.5, os.kill, os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await launch(settings, lambda _: pytest.fail("it is not ready"))

    asyncio.run(launch_and_stop())
    assert not (tmp_path / "var" / "run").exists()
