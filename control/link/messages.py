"""The snapshot as it travels, and its translation to the form that decisions use."""

from typing import Final

import msgspec

from control.core.access import Access
from control.core.contract import derive_contract
from control.core.snapshot import ModelView, Snapshot, VersionView


class VersionMessage(msgspec.Struct, frozen=True):
    """One version as the controller read it from Triton."""

    model: str
    version: int
    loaded: bool
    ready: bool
    reason: str
    metadata_json: bytes
    config_json: bytes
    contract_json: bytes = b""


class SnapshotMessage(msgspec.Struct, frozen=True):
    """One revision of everything a gateway must know."""

    revision: int
    server_json: bytes
    versions: list[VersionMessage]
    access: Access = Access()


encode_snapshot: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(SnapshotMessage).decode


def decode_snapshot(data: bytes) -> Snapshot:
    """Decode a message and derive each version's contract; raises ValueError on a broken one."""
    try:
        return _to_snapshot(_decode(data))
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        text = f"broken snapshot: {error!r}"
        raise ValueError(text) from error


def _to_snapshot(message: SnapshotMessage) -> Snapshot:
    models: dict[str, dict[int, VersionView]] = {}
    for one in message.versions:
        view = VersionView(
            model=one.model,
            version=one.version,
            loaded=one.loaded,
            ready=one.ready,
            reason=one.reason,
            contract=derive_contract(msgspec.json.decode(one.config_json, type=dict[str, object])),
            metadata_json=one.metadata_json,
            config_json=one.config_json,
        )
        models.setdefault(one.model, {})[one.version] = view
    return Snapshot(
        revision=message.revision,
        models={name: ModelView(name, versions) for name, versions in models.items()},
        server_json=message.server_json,
        access=message.access,
    )
