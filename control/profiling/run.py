"""Measures one version in a tritonserver of its own: all sizes of request, each alone."""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from control.config import Settings
from control.core.tensors import InferRequest
from control.profiling.measurement import Measurement, Profile
from control.profiling.meter import GpuMeter, ProcessMeter
from control.profiling.scratch import CannotProfile, Scratch, model_alone
from control.profiling.sending import NotAnswered, Sender, percentile
from control.profiling.subject import Subject, find_subject
from control.triton.management import TritonAway, read_document
from control.triton.stubs import StubWatch

#: Told how many sizes are done, and how many there are.
Progress = Callable[[int, int], None]


async def profile_model(
    settings: Settings, model: str, version: int | None, progress: Progress
) -> Profile:
    """Measure a version, by default the newest; raises CannotProfile."""
    folder = settings.triton.repository / model
    if not folder.is_dir():
        message = f"there is no model '{model}' in {settings.triton.repository}"
        raise CannotProfile(message)
    async with model_alone(settings, model) as scratch:
        chosen = version or scratch.versions[-1]
        if chosen not in scratch.versions:
            there = ", ".join(map(str, scratch.versions))
            message = f"model '{model}' has no version {chosen} that loads; there are: {there}"
            raise CannotProfile(message)
        try:
            path = f"/v2/models/{model}/versions/{chosen}/config"
            config = msgspec.json.decode(await read_document(scratch.upstream, path))
            return await _Run(scratch, find_subject(folder, chosen, config)).measure(progress)
        except TritonAway as error:
            message = f"model '{model}' cannot be profiled: Triton does not answer: {error}"
            raise CannotProfile(message) from error


class _Run:
    def __init__(self, scratch: Scratch, subject: Subject) -> None:
        self._scratch = scratch
        self._subject = subject
        self._sender = Sender(scratch.upstream, subject.model, subject.version)
        self._gpu = GpuMeter(self._metrics)

    async def measure(self, progress: Progress) -> Profile:
        sizes = list(self._subject.requests())
        await self._warm_up()
        meter = ProcessMeter(self._pids())
        has_gpu = await self._gpu.start()
        found: list[Measurement] = []
        gpu_bytes: list[int] = []
        for done, size in enumerate(sizes):
            progress(done, len(sizes))
            measured = await self._measure_one(*size, meter) if size else None
            if measured is not None:
                found.append(measured)
                gpu_bytes.append(await self._gpu.growth() if has_gpu else 0)
        progress(len(sizes), len(sizes))
        if not found:
            raise self._nothing_answered()
        on_gpu = max(gpu_bytes) > 0
        if on_gpu:
            both = zip(found, gpu_bytes, strict=True)
            found = [replace(one, memory_bytes=amount) for one, amount in both]
        return Profile(
            model=self._subject.model,
            version=self._subject.version,
            instances=max(1, meter.processes),
            loaded_bytes=meter.loaded_bytes,
            device="gpu" if on_gpu else "cpu",
            measurements=tuple(found),
            refused=len(sizes) - len(found),
        )

    async def _measure_one(
        self, request: InferRequest, tokens: int, meter: ProcessMeter
    ) -> Measurement | None:
        took_s: list[float] = []

        async def send() -> None:
            took_s.extend(await self._sender.send_some(request))

        try:
            grown = await meter.growth_during(send)
        except NotAnswered as error:
            if not meter.alive:
                message = (
                    f"model '{self._subject.model}' cannot be profiled: a request of"
                    f" {_size(request)} input bytes has killed it"
                )
                raise CannotProfile(message) from error
            return None
        return Measurement(
            rows=request.inputs[0].shape[0] if self._subject.contract.max_batch_size else 1,
            input_bytes=_size(request),
            tokens=tokens,
            memory_bytes=max(0, grown),
            p50_s=percentile(took_s, 0.5),
            p99_s=percentile(took_s, 0.99),
            requests=len(took_s),
        )

    async def _warm_up(self) -> None:
        """Send the golden request to every instance: they take turns."""
        for _ in range(2 * max(1, len(self._pids()))):
            try:
                await self._sender.send_one(self._subject.golden)
            except NotAnswered as error:
                raise self._nothing_answered() from error

    def _nothing_answered(self) -> CannotProfile:
        return CannotProfile(
            f"model '{self._subject.model}' cannot be profiled: it answers none of its golden"
            " requests"
        )

    def _pids(self) -> list[int]:
        """Find the processes of the version; those of its other versions are idle."""
        server_pid = int(self._scratch.pid_file.read_text())
        wanted = {0, self._subject.version}
        stubs = StubWatch().scan(server_pid)
        return [one.pid for one in stubs if one.version in wanted and not one.dead]

    async def _metrics(self) -> str:
        return (await read_document(self._scratch.metrics, "/metrics")).decode(errors="replace")


def _size(request: InferRequest) -> int:
    return sum(len(tensor.data) for tensor in request.inputs)
