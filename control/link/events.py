"""What gateways tell the controller: events, each a frame of its own on the link."""

from typing import Final, cast

import msgspec

from control.learning.summary import VersionSummary

#: A frame that claims to be longer is no event; the greatest report has about 800 KiB.
MAX_EVENT_BYTES: Final = 4 * 1024 * 1024


class TrafficReport(msgspec.Struct, frozen=True, tag="traffic"):
    """All that one gateway process has learned of one version since it started.

    Each report replaces the one before: losing one costs nothing. ``gateway`` names the process.
    """

    gateway: str
    traffic: VersionSummary


class SnapshotApplied(msgspec.Struct, frozen=True, tag="applied"):
    """One gateway decides by this revision now."""

    revision: int


Event = TrafficReport | SnapshotApplied

encode_event: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Event).decode


def decode_event(data: bytes) -> Event:
    """Decode one event; raises ValueError on a broken one."""
    try:
        return cast("Event", _decode(data))
    except (msgspec.MsgspecError, ValueError) as error:
        message = f"broken event: {error}"
        raise ValueError(message) from error
