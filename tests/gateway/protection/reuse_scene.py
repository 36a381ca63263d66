"""A reuse of answers with a model behind it, and callers that ask it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CollectorRegistry

from control.core.elements import as_array
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest
from control.errors import DeadlineExceeded
from control.gateway.codec.triton_form import Answer
from control.gateway.protection.reuse import Reuse, Source
from control.observability.metrics import GatewayMetrics
from tests.gateway.protection.stand_in_cases import answer_with, snapshot_of, version_of

MIB = 1024 * 1024
VIEW = version_of()


class Scene:
    """A reuse with a model behind it that doubles numbers, when it is told to."""

    def __init__(self, *views: VersionView, cache_bytes: int = MIB) -> None:
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry)
        loop = asyncio.get_running_loop()
        self.reuse = Reuse(cache_bytes, self.metrics, loop.time)
        self.now = loop.time
        self.reuse.learn(snapshot_of(*(views or (VIEW,))))
        self.deadlines: list[float] = []
        self.ended: list[BaseException | None] = []
        self.go = asyncio.Event()
        self.go.set()
        self.failures: list[Exception] = []

    def execute(self, request: InferRequest) -> Callable[[float], Awaitable[Answer]]:
        """A call that ends by its deadline, as the gateway's do."""

        async def call(deadline_s: float) -> Answer:
            self.deadlines.append(deadline_s)
            try:
                async with asyncio.timeout_at(deadline_s):
                    await self.go.wait()
            except TimeoutError as error:
                self.ended.append(error)
                raise DeadlineExceeded("Triton was too slow") from error
            except asyncio.CancelledError as error:
                self.ended.append(error)
                raise
            self.ended.append(None)
            if self.failures:
                raise self.failures.pop(0)
            doubled = as_array(request.inputs[0].data, "FP32") * 2
            return answer_with(*doubled, request_id=request.request_id)

        return call

    async def ask(
        self,
        request: InferRequest,
        view: VersionView = VIEW,
        *,
        within_s: float = 60.0,
        tenant: str = "t",
    ) -> tuple[Answer, Source]:
        """Ask for an answer."""
        return await self.reuse.answer(
            view,
            request,
            tenant=tenant,
            deadline_s=self.now() + within_s,
            execute=self.execute(request),
        )

    def count(self, name: str, **labels: str) -> float:
        """A metric's value, brought up to date."""
        self.reuse.write_down()
        return self.registry.get_sample_value(name, labels) or 0.0


async def asked(scene: Scene, *requests: InferRequest, **kwargs: Any) -> "list[asyncio.Task[Any]]":
    """Tasks that all wait for an answer."""
    tasks = [asyncio.create_task(scene.ask(one, **kwargs)) for one in requests]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks
