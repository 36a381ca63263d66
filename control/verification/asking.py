"""Asks one version in the scratch server, and tells apart all the ways of getting no answer."""

import asyncio
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from control.contracts.compiled import CompiledContract
from control.core.contract import Contract, check_answer
from control.core.tensors import AnswerTensor, InferRequest
from control.core.violations import Violation
from control.errors import BadUpstreamAnswer
from control.gateway.codec.triton_form import decode_from_triton, encode_for_triton
from control.gateway.replies_of_triton import StubDied, TritonFull, classify_refusal
from control.profiling.meter import ProcessMeter
from control.triton.upstream import ConnectionLost, ConnectRefused, UpstreamAnswer
from control.verification.patience import Patience
from control.verification.plain_words import plain, violations_told
from control.verification.scratch_triton import ScratchTriton
from control.verification.stub_processes import StubProcesses

_OK: Final = 200
#: What Triton puts before a model's own words.
_AROUND: Final = re.compile(r"^Failed to process the request\(s\) for model '[^']*', message: ")
#: The least seconds for an answer, whatever the contract gives: the first call may be slow.
REQUEST_TIMEOUT_S: Final = 30.0
_FULL_TRIES: Final = 200
_FULL_WAIT_S: Final = 0.05


class Cause(Enum):
    """Why there is no answer, or none to go on with."""

    PROCESS_DIED = "its process died"
    SERVER_DIED = "tritonserver died"
    TOO_LATE = "late"
    REFUSED = "refused"
    MALFORMED = "malformed"


class NotAnswered(Exception):
    """A request was not answered; ``status`` is Triton's, 0 where it has none."""

    def __init__(self, cause: Cause, told: str, status: int = 0) -> None:
        """Keep why; ``told`` is how it died, or the rest of a sentence about the request."""
        super().__init__(told)
        self.cause = cause
        self.told = told
        self.status = status

    @property
    def is_death(self) -> bool:
        """Whether nothing is left that could be asked again."""
        return self.cause in {Cause.PROCESS_DIED, Cause.SERVER_DIED}

    def at(self, what: str) -> str:
        """Write the sentence for a request, or for several."""
        if self.is_death:
            how = f" ({self.told})" if self.told else ""
            return f"{self.cause.value} at {what}{how}"
        return f"{what} {self.told}"


@dataclass(slots=True)
class Subject:
    """A loaded version: its name in the scratch server, its contract, and its processes.

    ``config_json`` is its config as Triton has completed it.
    """

    triton: ScratchTriton
    name: str
    version: int
    contract: Contract
    config_json: bytes
    rules: CompiledContract | None
    stubs: StubProcesses
    meter: ProcessMeter
    timeout_s: float = REQUEST_TIMEOUT_S

    @property
    def is_deterministic(self) -> bool:
        """Whether the contract promises the same answer to the same request."""
        return self.rules is not None and self.rules.protection.deterministic

    async def ask(self, request: InferRequest) -> list[AnswerTensor]:
        """Give the answer; raises NotAnswered. A server that is full is asked again."""
        for _ in range(_FULL_TRIES):
            try:
                return await self._ask_once(request)
            except _Full as full:
                last = full
            await asyncio.sleep(_FULL_WAIT_S)
        raise NotAnswered(Cause.REFUSED, f"was refused: {last}", last.status)

    def breaches(self, request: InferRequest, answer: list[AnswerTensor]) -> list[Violation]:
        """List what is wrong with an answer by the model's config and its contract."""
        found = check_answer(self.contract, answer, request)
        if self.rules is not None and self.rules.enforced and not found:
            found = self.rules.check_answer(answer)
        return found

    async def ask_well(self, request: InferRequest) -> list[AnswerTensor]:
        """Give an answer that keeps the contract; raises NotAnswered."""
        answer = await self.ask(request)
        breaches = self.breaches(request, answer)
        if breaches:
            told = f"is answered against the contract: {violations_told(breaches)}"
            raise NotAnswered(Cause.MALFORMED, told, _OK)
        return answer

    async def _ask_once(self, request: InferRequest) -> list[AnswerTensor]:
        call = asyncio.ensure_future(self.triton.upstream.call(self._written(request)))
        try:
            await self._wait_for(call)
            answer = await call
        except (ConnectRefused, ConnectionLost) as error:
            await asyncio.wait({self.triton.ended}, timeout=REQUEST_TIMEOUT_S)
            raise self._server_died() from error
        finally:
            call.cancel()
        if answer.status != _OK:
            raise self._refusal(answer.status, bytes(answer.body))
        try:
            return decode_from_triton(answer.headers, answer.body).tensors
        except BadUpstreamAnswer as error:
            told = f"is answered with nonsense: {error.message}"
            raise NotAnswered(Cause.MALFORMED, told, _OK) from error

    async def _wait_for(self, call: "asyncio.Future[UpstreamAnswer]") -> None:
        patience = Patience(self.timeout_s, self.stubs)
        while not call.done():
            left_s = patience.left_s()
            if left_s <= 0:
                told = f"was not answered within {self.timeout_s:g} s"
                raise NotAnswered(Cause.TOO_LATE, told)
            # A dead server's connections stay open for as long as its children have them.
            ends: set[asyncio.Future[Any]] = {call, self.triton.ended}
            await asyncio.wait(ends, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if self.triton.ended.done() and not call.done():
                raise self._server_died()

    def _server_died(self) -> NotAnswered:
        return NotAnswered(Cause.SERVER_DIED, self.triton.death)

    def _refusal(self, status: int, body: bytes) -> NotAnswered:
        folder = f"{self.triton.repository / self.name}/".encode()
        error = classify_refusal(status, body.replace(folder, b""), self.config_json)
        if isinstance(error, StubDied):
            self.stubs.must_be_dead()
            return NotAnswered(Cause.PROCESS_DIED, self.stubs.death, status)
        said = plain(_AROUND.sub("", error.message))
        if isinstance(error, TritonFull):
            return _Full(Cause.REFUSED, said, status)
        return NotAnswered(Cause.REFUSED, f"was refused with status {status}: {said}", status)

    def _written(self, request: InferRequest) -> list[bytes]:
        encoded = encode_for_triton(request)
        path = f"/v2/models/{self.name}/versions/{self.version}/infer"
        extra = b"Inference-Header-Content-Length: %d\r\n" % len(encoded.header)
        head = self.triton.upstream.head(b"POST", path.encode(), encoded.length, extra)
        return [head, encoded.header, *map(bytes, encoded.data)]


class _Full(NotAnswered):
    """Triton's queue is full: no fault of this request."""
