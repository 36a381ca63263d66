"""What the launcher hands to its children: settings, paths, secrets and bound sockets."""

import argparse
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import msgspec

from control.config import Settings
from control.core.access import TokenRecord
from control.observability.logs import configure_logs
from control.runtime import RuntimePaths


class _File(msgspec.Struct):
    settings: str
    state_dir: str
    admin_secret: str
    sockets: dict[str, int]
    operator: TokenRecord | None = None
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class ChildSetup:
    """Everything a child needs to know. ``sockets`` are inherited file descriptors by name.

    ``operator`` is the operator's token as it is kept: children never see its text. ``run_id`` is
    of this run of Seawall alone, wherever others run.
    """

    settings: Settings
    paths: RuntimePaths
    admin_secret: str
    sockets: dict[str, int]
    operator: TokenRecord | None = None
    run_id: str = ""

    def socket(self, name: str) -> socket.socket:
        """Take over an inherited listening socket."""
        return socket.socket(fileno=os.dup(self.sockets[name]))


def save_child_setup(setup: ChildSetup, path: Path) -> None:
    """Write the setup for children to read; only its owner may read it, for the secret in it."""
    file = _File(
        settings=setup.settings.model_dump_json(),
        state_dir=str(setup.paths.state),
        admin_secret=setup.admin_secret,
        sockets=setup.sockets,
        operator=setup.operator,
        run_id=setup.run_id,
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(msgspec.json.encode(file))


def load_child_setup(path: str) -> ChildSetup:
    """Read what the launcher has written."""
    file = msgspec.json.decode(Path(path).read_bytes(), type=_File)
    return ChildSetup(
        settings=Settings.model_validate_json(file.settings),
        paths=RuntimePaths(Path(file.state_dir)),
        admin_secret=file.admin_secret,
        sockets=file.sockets,
        operator=file.operator,
        run_id=file.run_id,
    )


def begin_child(name: str, *, logs_as: str) -> ChildSetup:
    """Read the setup that the command line of this process names, and log as it says."""
    parser = argparse.ArgumentParser(prog=f"seawall {name}")
    parser.add_argument("--setup", required=True)
    setup = load_child_setup(parser.parse_args().setup)
    log = setup.settings.log
    configure_logs(logs_as, level=log.level, form=log.format)
    return setup
