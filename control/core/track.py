"""Which track a request takes: a key falls on the same one in every gateway, and after any restart.

A key falls somewhere between 0 and 100. The canary's track takes all that fall below its weight, so
a greater weight keeps everybody who was on it.
"""

from collections.abc import Mapping
from enum import Enum
from hashlib import blake2b
from typing import Final

from control.core.canary_policy import Sticky, StickyBy
from control.core.tensors import Buffer

REQUEST_ID_HEADER: Final = b"x-request-id"

#: Bodies up to here are hashed as a whole: that takes 0.1 ms.
MOST_HASHED_BYTES: Final = 64 * 1024
_END_BYTES: Final = MOST_HASHED_BYTES // 2
_SALT_BYTES: Final = 16
#: The bits that a float between 0 and 1 can have.
_BITS: Final = 53


class Track(Enum):
    """Who answers a request that names no version."""

    STABLE = "stable"
    CANARY = "canary"


def salt_of(name: str) -> bytes:
    """Give what makes keys fall anew for each ``name``."""
    return blake2b(name.encode(), digest_size=_SALT_BYTES).digest()


def bucket_by(key: Buffer, salt: bytes) -> float:
    """Give where a key falls by this salt, from 0 to below 100."""
    number = int.from_bytes(blake2b(key, digest_size=8, key=salt).digest(), "little")
    return (number >> (64 - _BITS)) * (100.0 / (1 << _BITS))


def sticky_key(
    sticky: Sticky, headers: Mapping[bytes, bytes], tenant: str, body: Buffer
) -> Buffer | None:
    """Give what a request sticks to its track by; None where chance decides."""
    match sticky.by:
        case StickyBy.TENANT:
            return tenant.encode()
        case StickyBy.REQUEST:
            return _key_of_body(body)
        case StickyBy.HEADER:
            value = headers.get(sticky.header.encode())
            return headers.get(REQUEST_ID_HEADER) if value is None else value
        case StickyBy.REQUEST_ID:
            return headers.get(REQUEST_ID_HEADER)


def _key_of_body(body: Buffer) -> Buffer:
    """Give the body, or of a large one its length and both ends."""
    length = len(body)
    if length <= MOST_HASHED_BYTES:
        return body
    return b"%d:%b%b" % (length, bytes(body[:_END_BYTES]), bytes(body[length - _END_BYTES :]))
