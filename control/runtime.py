"""Where the processes of one Seawall meet: paths under the state directory."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RuntimePaths:
    """All paths of one running Seawall; ``run`` is only its owner's (mode 0700)."""

    state: Path

    @property
    def run(self) -> Path:
        """Sockets and files of the running processes."""
        return self.state / "run"

    @property
    def lock(self) -> Path:
        """Locked by the launcher: two Seawalls must not share a state directory."""
        return self.state / "lock"

    @property
    def verification_lock(self) -> Path:
        """Locked by the verification under way; outside ``run``, as that is made anew."""
        return self.state / "verification.lock"

    @property
    def artifacts(self) -> Path:
        """Tokenizers that contracts need, by digest; they outlive a run."""
        return self.state / "artifacts"

    @property
    def served(self) -> Path:
        """The repository that the embedded tritonserver serves; it outlives a run."""
        return self.state / "served"

    @property
    def staged(self) -> Path:
        """Copies of versions that are not served yet; they outlive a run."""
        return self.state / "staged"

    @property
    def database(self) -> Path:
        """The state database, unless settings name another."""
        return self.state / "seawall.db"

    @property
    def operator_token(self) -> Path:
        """The token of whoever owns the machine: drawn anew at every start, read by the CLI."""
        return self.run / "operator.token"

    @property
    def link_socket(self) -> Path:
        """The controller's end of the link to the gateways."""
        return self.run / "link.sock"

    @property
    def kept_snapshot(self) -> Path:
        """The last snapshot, for gateways that start while the controller is gone."""
        return self.run / "snapshot.msgpack"

    @property
    def triton_http(self) -> Path:
        """Triton's HTTP socket."""
        return self.run / "triton-http.sock"

    @property
    def triton_grpc(self) -> Path:
        """Triton's gRPC socket, to whose name Triton adds a colon and a port."""
        return self.run / "triton-grpc.sock"

    @property
    def triton_pid(self) -> Path:
        """The process id of the embedded tritonserver."""
        return self.run / "tritonserver.pid"

    @property
    def launcher_socket(self) -> Path:
        """Where the launcher is asked for extra tritonservers."""
        return self.run / "launcher.sock"

    def extra_server(self, number: int) -> "ExtraPaths":
        """Give the paths of an extra tritonserver."""
        return ExtraPaths(self.run / f"x{number}")

    @property
    def backends(self) -> Path:
        """The backend directory that is put together for tritonserver."""
        return self.run / "backends"

    @property
    def metrics(self) -> Path:
        """The counters that gateway workers share."""
        return self.run / "metrics"

    @property
    def quotas(self) -> Path:
        """What callers have used of their quotas, counted by all gateway workers."""
        return self.run / "quotas"

    @property
    def memory_notes(self) -> Path:
        """What the models' processes held when they were fresh."""
        return self.run / "memory"

    @property
    def shared_memory_prefix(self) -> str:
        """How this Seawall's shared-memory regions are named, so that it removes only its own."""
        return f"seawall_{_digest(self.state)}_"


class InnerPaths(RuntimePaths):
    """Paths of a tritonserver beside the main one, whose ``state`` lies in that one's ``run``."""

    __slots__ = ()

    @property
    def shared_memory_prefix(self) -> str:
        """Begins like the main one's, which removes what nobody else lives to remove."""
        main = RuntimePaths(self.state.parent.parent)
        return f"{main.shared_memory_prefix}{_digest(self.state)}_"


class ExtraPaths(InnerPaths):
    """Paths of an extra tritonserver: in one folder, since sockets need short ones."""

    __slots__ = ()

    @property
    def run(self) -> Path:
        """Sockets and files of the running server."""
        return self.state


def _digest(path: Path) -> str:
    return sha256(str(path.resolve()).encode()).hexdigest()[:12]
