"""Asks Triton about its models, and loads them.

Over gRPC, but for the documents, which are read over HTTP as clients see them.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol, Self

import grpc
import msgspec
from tritonclient.grpc import service_pb2, service_pb2_grpc

from control.triton.address import Address
from control.triton.error_texts import load_failures, load_reason
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
#: Two of the states in Triton's index.
READY: Final = "READY"
LOADING: Final = "LOADING"
_NO_VERSIONS: Mapping[int, str] = MappingProxyType({})
#: What gRPC itself says where no server answers; the other codes are Triton's.
_NO_ANSWER = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
    }
)


class TritonAway(Exception):
    """Triton does not answer management calls now."""


class DocumentRefused(TritonAway):
    """Triton answers, but not with this document."""


class LoadFailed(Exception):
    """Triton could not do what was asked of it.

    ``reason`` is fit to be shown; ``by_version`` says what each version that Triton names failed
    of, empty where it names none.
    """

    def __init__(self, reason: str, by_version: Mapping[int, str] = _NO_VERSIONS) -> None:
        super().__init__(reason)
        self.reason = reason
        self.by_version = by_version

    @classmethod
    def of(cls, by_version: Mapping[int, str]) -> Self:
        """Say what several versions failed of, or one."""
        if len(by_version) == 1:
            return cls(next(iter(by_version.values())), by_version)
        told = (f"version {version}: {reason}" for version, reason in sorted(by_version.items()))
        return cls("; ".join(told), by_version)


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One version in Triton's repository index."""

    model: str
    version: int
    state: str
    reason: str

    @property
    def is_ready(self) -> bool:
        """Whether Triton would send it requests."""
        return self.state == READY

    @property
    def is_loading(self) -> bool:
        """Whether it is being brought up, or waits for that."""
        return self.state == LOADING


class RepositoryIndex(Protocol):
    """Where the index comes from."""

    async def read(self) -> Sequence[IndexEntry]:
        """Give all versions; raises TritonAway."""

    async def close(self) -> None:
        """Close what belongs to it alone."""


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

    async def versions_of(self, model: str) -> dict[int, IndexEntry]:
        """Give the versions of one model; raises TritonAway."""
        return {one.version: one for one in await self.read() if one.model == model}

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()


class TritonManagement(GrpcIndex):
    """Reads the index, loads and unloads. Over HTTP a load would block a thread that serves others.

    Its calls have no deadline: giving up here stops nothing there.
    """

    async def load(self, model: str, config_json: str | None) -> None:
        """Load by this complete config, or by that in the repository.

        Raises LoadFailed, or TritonAway where tritonserver ends meanwhile. It may take for ever.
        """
        request = service_pb2.RepositoryModelLoadRequest(model_name=model)
        if config_json is not None:
            request.parameters["config"].string_param = config_json
        await self._change(model, self._stub.RepositoryModelLoad(request, metadata=self._metadata))

    async def unload(self, model: str) -> None:
        """Stop sending it requests; those under way are answered. Raises LoadFailed, TritonAway."""
        request = service_pb2.RepositoryModelUnloadRequest(model_name=model)
        call = self._stub.RepositoryModelUnload(request, metadata=self._metadata)
        await self._change(model, call)

    async def _change(self, model: str, call: Awaitable[Any]) -> None:
        try:
            await call
        except grpc.aio.AioRpcError as error:
            if error.code() in _NO_ANSWER:
                raise TritonAway(str(error.code())) from error
            text = error.details() or str(error.code())
            failed = load_failures(text, model)
            if failed:
                raise LoadFailed.of(failed) from error
            raise LoadFailed(load_reason(text, model)) from error


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

    async def close(self) -> None:
        """Leave the connections to their owner."""


async def read_document(upstream: Upstream, path: str, *, method: str = "GET") -> bytes:
    """Give the body of a 200; raises DocumentRefused on another status, or TritonAway."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            answer = await upstream.request(method, path)
    except (ConnectRefused, ConnectionLost, TimeoutError) as error:
        message = f"{path}: {error or 'no answer in time'}"
        raise TritonAway(message) from error
    if answer.status != _OK:
        message = f"{path}: status {answer.status}"
        raise DocumentRefused(message)
    return bytes(answer.body)
