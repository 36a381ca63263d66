"""How parts of a message are handed to a transport."""

import asyncio
from collections.abc import Sequence
from typing import Final

from control.core.tensors import Buffer

#: Up to here a copy costs less than a write of several parts.
_JOIN_BYTES: Final = 16 * 1024


def write_parts(transport: asyncio.Transport, parts: Sequence[Buffer]) -> None:
    """Write small messages as one piece, and the parts of large ones uncopied."""
    if sum(map(len, parts)) <= _JOIN_BYTES:
        transport.write(b"".join(parts))
    else:
        transport.writelines(parts)
