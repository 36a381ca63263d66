"""The Python stub processes of a tritonserver, and which of them are dead.

Triton's ready endpoints go on saying 200 for a model whose stub has died; the process table is the
only early sign.
"""

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

_STUB = "triton_python_backend_stub"
_MODEL_ARGUMENT, _INSTANCE_FROM_END, _LEAST_ARGUMENTS = 1, -2, 4


@dataclass(frozen=True, slots=True)
class Stub:
    """One live or dead stub.

    ``is_complementing`` says that it serves nobody: Triton has started it to complete the model's
    config, and ends it before it starts the instances.
    """

    pid: int
    model: str
    version: int
    dead: bool
    is_complementing: bool = False


@dataclass(frozen=True, slots=True)
class _Identity:
    model: str
    version: int
    is_complementing: bool


class StubWatch:
    """Remembers who a stub was, since a dead process has no command line any more.

    A scan takes milliseconds on a busy server: keep it off an event loop. Any thread may call.
    """

    def __init__(self) -> None:
        """Know nobody yet."""
        self._known: dict[int, _Identity] = {}
        self._scanning = threading.Lock()

    def scan(self, server_pid: int) -> list[Stub]:
        """List the stubs of a server; reads /proc only."""
        with self._scanning:
            return self._scan(server_pid)

    def _scan(self, server_pid: int) -> list[Stub]:
        stubs = []
        children = _children(server_pid)
        for pid in children:
            dead = _is_zombie(pid)
            if dead is None:
                continue  # gone between two looks: unloaded, not crashed
            if not dead:
                identity = _from_command_line(pid)
                if identity is not None:
                    self._known[pid] = identity
            if pid in self._known:
                who = self._known[pid]
                stubs.append(Stub(pid, who.model, who.version, dead, who.is_complementing))
        self._known = {pid: who for pid, who in self._known.items() if pid in children}
        return stubs


def _children(pid: int) -> set[int]:
    """Ask each thread: by plain calls, since a busy server has hundreds of them."""
    children: set[int] = set()
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return children
    for thread in threads:
        with (
            contextlib.suppress(OSError),  # the thread has ended
            open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file,  # noqa: PTH123
        ):
            children.update(map(int, file.read().split()))
    return children


def _is_zombie(pid: int) -> bool | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


def _from_command_line(pid: int) -> _Identity | None:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    arguments = [one for one in arguments if one]
    if len(arguments) < _LEAST_ARGUMENTS or not arguments[0].endswith(_STUB):
        return None
    return _identity(Path(arguments[_MODEL_ARGUMENT]), arguments[_INSTANCE_FROM_END])


def _identity(code: Path, instance: str) -> _Identity | None:
    """Tell whose stub it is by its code, ``<model>/<version>/model.py``.

    The instance is named ``<group>_<number>``, and a group may have any name; what completes a
    config is named like its model.
    """
    folder = code.parent
    if not (folder.name.isascii() and folder.name.isdigit()):
        return None
    model = folder.parent.name
    return _Identity(model, int(folder.name), is_complementing=instance == model)
