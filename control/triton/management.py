"""Asks Triton about its models: the index over gRPC, documents over HTTP as clients see them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import grpc
import msgspec
from tritonclient.grpc import service_pb2, service_pb2_grpc

from control.triton.address import Address
from control.triton.upstream import ConnectionLost, ConnectRefused, Upstream

_SECRET_HEADER = "triton-grpc-protocol-admin-key"  # noqa: S105 - the header's name
_TIMEOUT_S = 5.0
#: A restarted Triton is looked for at once, not after gRPC's patient back-off.
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)
_OK = 200


class TritonAway(Exception):
    """Triton does not answer management calls now."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One version in Triton's repository index."""

    model: str
    version: int
    state: str
    reason: str


class RepositoryIndex(Protocol):
    """Where the index comes from."""

    async def read(self) -> Sequence[IndexEntry]:
        """Give all versions; raises TritonAway."""


class GrpcIndex:
    """Reads the index over gRPC: it answers even while HTTP threads hang in something."""

    def __init__(self, address: Address, secret: str) -> None:
        """Connect on demand."""
        self._channel = grpc.aio.insecure_channel(address.grpc_target, options=_CHANNEL_OPTIONS)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._metadata = ((_SECRET_HEADER, secret),) if secret else ()

    async def read(self) -> Sequence[IndexEntry]:
        """Give all versions; raises TritonAway."""
        try:
            answer = await self._stub.RepositoryIndex(
                service_pb2.RepositoryIndexRequest(),
                timeout=_TIMEOUT_S,
                metadata=self._metadata,
            )
        except grpc.aio.AioRpcError as error:
            raise TritonAway(str(error.code())) from error
        return [
            IndexEntry(one.name, int(one.version or 0), one.state, one.reason)
            for one in answer.models
        ]


class _HttpEntry(msgspec.Struct):
    name: str
    version: str = "0"
    state: str = ""
    reason: str = ""


class HttpIndex:
    """Reads the index over HTTP, for an external Triton without a gRPC address."""

    def __init__(self, upstream: Upstream) -> None:
        """Call through ``upstream``."""
        self._upstream = upstream

    async def read(self) -> Sequence[IndexEntry]:
        """Give all versions; raises TritonAway."""
        body = await read_document(self._upstream, "/v2/repository/index", method="POST")
        try:
            entries = msgspec.json.decode(body, type=list[_HttpEntry])
            return [
                IndexEntry(one.name, int(one.version), one.state, one.reason) for one in entries
            ]
        except (msgspec.MsgspecError, ValueError) as error:
            message = f"the repository index cannot be read: {error}"
            raise TritonAway(message) from error


async def read_document(upstream: Upstream, path: str, *, method: str = "GET") -> bytes:
    """Give the body of a 200; raises TritonAway on anything else."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            answer = await upstream.request(method, path)
    except (ConnectRefused, ConnectionLost, TimeoutError) as error:
        message = f"{path}: {error or 'no answer in time'}"
        raise TritonAway(message) from error
    if answer.status != _OK:
        message = f"{path}: status {answer.status}"
        raise TritonAway(message)
    return bytes(answer.body)
