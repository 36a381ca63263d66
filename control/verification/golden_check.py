"""Asks the golden requests one by one, and keeps the answers for the checks that follow."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from control.check.golden import decode_golden, read_golden
from control.contracts.faults import ContractBroken
from control.core.contract import Contract
from control.core.tensors import AnswerTensor, InferRequest
from control.errors import MalformedRequest
from control.profiling.scaling import scaled
from control.profiling.subject import allowed
from control.verification.asking import Cause, NotAnswered, Subject
from control.verification.golden_answers import ERROR_STATUSES, Expectations, answer_fault
from control.verification.made_requests import made_requests
from control.verification.plain_words import plain
from control.verification.trial import Solo, Trial
from control.verification.verdicts import Bad, Skipped

#: Fewer golden requests than this are joined by longer and shorter ones of their kind.
_ENOUGH: Final = 6
_LENGTHS: Final = (0.5, 2.0)
_FATAL: Final = frozenset({Cause.PROCESS_DIED, Cause.SERVER_DIED, Cause.TOO_LATE})
_CLIENT_FAULTS: Final = range(400, 500)


@dataclass(frozen=True, slots=True)
class Golden:
    """A request with a known answer, or a known refusal."""

    name: str
    request: InferRequest
    expect: Expectations = field(default_factory=dict)
    expect_error: str = ""


async def check_golden(trial: Trial) -> str:
    """Hold each answer against what is expected, and against the contract."""
    _must_answer_at_once(trial.new.contract)
    golden = list(golden_requests(Path(trial.copy.job.source), trial.new))

    async def ask_all() -> None:
        for one in golden:
            await _ask_golden(trial, one)

    grown = await trial.new.meter.growth_during(ask_all)
    trial.measured.memory_bytes = trial.new.meter.loaded_bytes + max(0, grown)
    await _measure_live(trial)
    if len(trial.solos) < _ENOUGH:
        await _add_relatives(trial)
    if not golden:
        await _make_up(trial)
        message = f"there is no golden request; {len(trial.solos)} were made from the contract"
        raise Skipped(message)
    return f"{len(golden)} golden requests are answered as expected"


def golden_requests(folder: Path, subject: Subject) -> Iterator[Golden]:
    """Give those that are for a version; raises Bad where one cannot be read."""
    try:
        listed = read_golden(folder)
    except ContractBroken as error:
        raise Bad(plain(str(error))) from error
    for place, one in enumerate(listed):
        if one.get("version") not in (None, str(subject.version)):
            continue
        name = f"golden request '{one.get('name', place)}'"
        try:
            request = decode_golden(one, subject.contract)
        except (MalformedRequest, LookupError, TypeError, ValueError, AttributeError) as error:
            raise Bad(f"{name} is no request: {error}") from error
        yield Golden(name, request, one.get("expect", {}), one.get("expect_error", ""))


def _must_answer_at_once(contract: Contract) -> None:
    if contract.decoupled or contract.stateful:
        kind = "decoupled" if contract.decoupled else "stateful"
        message = f"the model is {kind}: single requests do not show what it answers"
        raise Skipped(message)


async def _ask_golden(trial: Trial, golden: Golden) -> None:
    try:
        answer = await trial.new.ask_well(golden.request)
    except NotAnswered as error:
        if golden.expect_error and error.cause is Cause.REFUSED:
            _must_be_refused_so(golden, error)
            return
        raise Bad(error.at(golden.name)) from error
    if golden.expect_error:
        raise Bad(f"{golden.name} must be refused with {golden.expect_error}, got an answer")
    fault = answer_fault(answer, golden.expect)
    if fault is not None:
        raise Bad(f"{golden.name}: {fault}")
    trial.solos.append(Solo(golden.name, golden.request, answer))


def _must_be_refused_so(golden: Golden, error: NotAnswered) -> None:
    wanted = ERROR_STATUSES.get(golden.expect_error)
    if error.status != wanted:
        message = f"{golden.name} must be refused with {golden.expect_error}: it {error.told}"
        raise Bad(message) from error


async def _measure_live(trial: Trial) -> None:
    """Ask the live version the same: it is measured by its own answers, right or wrong."""
    live = trial.live
    if live is None:
        return

    async def ask_all() -> None:
        for one in trial.solos:
            await answer_or_none(live, one.request)

    grown = await live.meter.growth_during(ask_all)
    trial.measured.live_memory_bytes = live.meter.loaded_bytes + max(0, grown)


async def _add_relatives(trial: Trial) -> None:
    """Add requests like the golden ones, with longer and shorter texts; any answer is right."""
    subject = trial.new
    for solo in list(trial.solos):
        for length in _LENGTHS:
            rows = solo.request.inputs[0].shape[0] if subject.contract.max_batch_size else 1
            request = scaled(solo.request, subject.contract, rows=rows, length=length)
            if _is_new(request, trial.solos) and allowed(request, subject.contract, subject.rules):
                await _try(trial, f"{solo.name} at {length:g} times its length", request)


async def _make_up(trial: Trial) -> None:
    subject = trial.new
    for number, request in enumerate(made_requests(subject.contract, subject.rules), 1):
        if allowed(request, subject.contract, subject.rules) is not None:
            await _try(trial, f"made request {number}", request)


async def _try(trial: Trial, name: str, request: InferRequest) -> None:
    """Keep a request that is answered; one that nobody has promised to answer proves nothing.

    But nothing that the contract allows may kill the version, and what the live version answers
    well, this one must.
    """
    try:
        answer = await trial.new.ask_well(request)
    except NotAnswered as error:
        if error.cause in _FATAL or await _live_answers(trial, error, request):
            raise Bad(error.at(name)) from error
        return
    trial.solos.append(Solo(name, request, answer))


async def _live_answers(trial: Trial, error: NotAnswered, request: InferRequest) -> bool:
    if trial.live is None or error.status in _CLIENT_FAULTS:
        return False
    return await answer_or_none(trial.live, request) is not None


async def answer_or_none(subject: Subject, request: InferRequest) -> list[AnswerTensor] | None:
    """Ask a version that is not on trial; None where it does not answer well."""
    try:
        return await subject.ask_well(request)
    except NotAnswered:
        return None


def _is_new(request: InferRequest, solos: list[Solo]) -> bool:
    return all(_data(request) != _data(one.request) for one in solos)


def _data(request: InferRequest) -> list[Any]:
    return [(one.name, one.shape, bytes(one.data)) for one in request.inputs]
