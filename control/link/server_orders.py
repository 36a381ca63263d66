"""What the controller asks of the launcher, and what it hears: one JSON object per line."""

from typing import Final

import msgspec

#: A longer line is no order.
MAX_LINE_BYTES: Final = 64 * 1024


class StartServer(
    msgspec.Struct, frozen=True, tag_field="do", tag="start", forbid_unknown_fields=True
):
    """Have a tritonserver of this name run, with these models of a folder in the state directory.

    One that runs already is left as it is; one that has exited is started anew. Each model may take
    ``load_timeout_s``, if that is more than what the settings say of any server.
    """

    name: str
    repository: str
    models: list[str]
    load_timeout_s: float = 0.0


class StopServer(
    msgspec.Struct, frozen=True, tag_field="do", tag="stop", forbid_unknown_fields=True
):
    """Have none of this name run."""

    name: str


class ListServers(
    msgspec.Struct, frozen=True, tag_field="do", tag="list", forbid_unknown_fields=True
):
    """Say which there are."""


ServerOrder = StartServer | StopServer | ListServers


class ExtraServer(msgspec.Struct, frozen=True):
    """A tritonserver beside the main one, by its addresses.

    ``exited`` says that it has ended by itself, with the exit status ``code`` (negative: the signal
    that killed it); None where it could not be started. It stays so until it is asked for again.
    """

    name: str
    http_url: str
    grpc_url: str
    metrics_url: str
    pid_file: str
    exited: bool = False
    code: int | None = None


class ServerReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """``ok`` false comes with ``error`` alone; ``servers`` is the one started, or all."""

    ok: bool
    error: str = ""
    servers: list[ExtraServer] = []


encode_line: Final = msgspec.json.Encoder().encode
decode_order: Final = msgspec.json.Decoder(ServerOrder).decode
decode_reply: Final = msgspec.json.Decoder(ServerReply).decode
