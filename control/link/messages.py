"""The snapshot as it travels."""

from typing import Final

import msgspec

from control.core.access import Access
from control.core.orders import Order
from control.core.routes import Route


class VersionMessage(msgspec.Struct, frozen=True):
    """One version as the controller read it from Triton.

    ``contract_json`` is its resolved contract file, empty where it has none. ``upstream`` is the
    address of the tritonserver that has it, empty for the main one.
    """

    model: str
    version: int
    loaded: bool
    ready: bool
    reason: str
    metadata_json: bytes
    config_json: bytes
    contract_json: bytes = b""
    upstream: str = ""


class SnapshotMessage(msgspec.Struct, frozen=True):
    """One revision of everything a gateway must know; ``routes`` by model."""

    revision: int
    server_json: bytes
    versions: list[VersionMessage]
    access: Access = Access()
    orders: tuple[Order, ...] = ()
    routes: dict[str, Route] = {}


encode_snapshot: Final = msgspec.msgpack.Encoder().encode
decode_message: Final = msgspec.msgpack.Decoder(SnapshotMessage).decode
