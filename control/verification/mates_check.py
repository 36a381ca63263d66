"""An answer must not depend on what was asked before it, nor on what shares its batch."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from control.core.tensors import AnswerTensor
from control.verification.asking import NotAnswered
from control.verification.batches import cut, join, kind_of, rows_of
from control.verification.comparing import difference
from control.verification.execution_counts import executions
from control.verification.loading import load_version
from control.verification.pace import Pace
from control.verification.plain_words import named
from control.verification.scratch_repository import write_config
from control.verification.trial import Solo, Trial
from control.verification.verdicts import Bad, Skipped

_SEED: Final = 1
#: Requests that are sent at the same moment, each size so often.
_GROUP_SIZES: Final = (2, 3, 4, 8, 16)
_GROUPS_OF_A_SIZE: Final = 3
_JOINED_OF_A_SIZE: Final = 3
#: However slow the model is, so many groups are tried; no more begin after so many seconds.
_LEAST_GROUPS: Final = 4
_MOST_S: Final = 8.0
#: A request is asked so often in a row to see whether its answers are drawn by chance.
_REPEATS: Final = 6
#: So long requests wait for mates where they would not meet otherwise.
_QUEUE_DELAY_US: Final = 30_000


async def check_batch_mates(trial: Trial) -> str:
    """Ask in another order, in batches of the client's making, and at the same moment."""
    await _must_not_remember(trial)
    solos = trial.comparable()
    if not trial.new.contract.max_batch_size:
        message = "the model takes no batches; its answers do not depend on what came before"
        raise Skipped(message)
    joined = await _ask_joined(trial, solos)
    shared = await _ask_in_groups(trial, solos)
    if not shared and trial.copy.config.get("dynamic_batching") is not None:
        await _reload(trial, _waiting_for_mates(trial.copy.config))
        shared = await _ask_in_groups(trial, solos)
        await _reload(trial, trial.copy.config)
    return f"{len(solos)} requests: {joined} batches of a client, {shared} that shared a batch"


async def _must_not_remember(trial: Trial) -> None:
    """Ask the other way round; what differs is drawn by chance, or depends on what came before."""
    for solo in reversed(trial.solos):
        again = await _answer(trial, solo, "asked again")
        told = difference(trial, solo.answer, again)
        if told is None:
            continue
        if await _is_drawn(trial, solo):
            trial.unrepeatable = f"{solo.name} has no repeatable answer: {told}"
            if trial.new.is_deterministic:
                raise Bad(f"{trial.unrepeatable}, but the contract says deterministic")
            return
        raise Bad(f"{solo.name} is answered differently after other requests: {told}")


async def _is_drawn(trial: Trial, solo: Solo) -> bool:
    answers = [await _answer(trial, solo, "repeated") for _ in range(_REPEATS)]
    return any(difference(trial, answers[1], one) is not None for one in answers[2:])


async def _ask_joined(trial: Trial, solos: Sequence[Solo]) -> int:
    """Lay the rows of several requests into one; give the number of such batches."""
    pace = Pace(least=_LEAST_GROUPS, most_s=_MOST_S)
    for group in _joinable(trial, solos):
        if pace.is_over():
            break
        request = join([one.request for one in group])
        try:
            answer = await trial.new.ask_well(request)
        except NotAnswered as error:
            raise Bad(error.at(f"one batch of {_names(group)}")) from error
        pieces = cut(answer, [rows_of(one.request) for one in group])
        _compare(trial, group, pieces)
    return pace.steps


def _joinable(trial: Trial, solos: Sequence[Solo]) -> Iterator[list[Solo]]:
    """Give groups of requests of one kind, of all sizes that a batch has room for."""
    kinds: dict[object, list[Solo]] = {}
    for solo in solos:
        kinds.setdefault(kind_of(solo.request, solo.answer), []).append(solo)
    rules = trial.new.rules
    room = trial.new.contract.max_batch_size
    room = min(room, rules.batch or room) if rules else room
    random = np.random.default_rng(_SEED)
    for size in _GROUP_SIZES:
        for kin in kinds.values():
            for _ in range(_JOINED_OF_A_SIZE):
                group = _chosen(random, kin, size)
                if sum(rows_of(one.request) for one in group) <= room:
                    yield group


async def _ask_in_groups(trial: Trial, solos: Sequence[Solo]) -> int:
    """Send groups at the same moment; give how many requests shared a batch of Triton's making."""
    before = await executions(trial.new)
    pace = Pace(least=_LEAST_GROUPS, most_s=_MOST_S)
    random = np.random.default_rng(_SEED)
    for size in np.repeat(_GROUP_SIZES, _GROUPS_OF_A_SIZE):
        if pace.is_over():
            break
        group = _chosen(random, solos, int(size))
        asked = (trial.new.ask_well(one.request) for one in group)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        _compare(trial, group, _all_answered(group, answers))
    return (await executions(trial.new)).shared_since(before)


def _all_answered(
    group: Sequence[Solo], answers: Sequence[list[AnswerTensor] | BaseException]
) -> list[list[AnswerTensor]]:
    for solo, answer in zip(group, answers, strict=True):
        if isinstance(answer, NotAnswered) and answer.is_death:
            raise Bad(answer.at(f"{_names(group)} together")) from answer
        if isinstance(answer, NotAnswered):
            raise Bad(f"beside {_mates(group, solo)}, {answer.at(solo.name)}") from answer
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


def _compare(
    trial: Trial, group: Sequence[Solo], answers: Sequence[Sequence[AnswerTensor]]
) -> None:
    for solo, answer in zip(group, answers, strict=True):
        told = difference(trial, solo.answer, answer)
        if told is not None:
            mates = _mates(group, solo)
            raise Bad(f"the answer to {solo.name} depends on its batch: beside {mates}, {told}")


def _waiting_for_mates(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give a config by which requests meet that are answered too fast, or too far apart, to."""
    waiting = {**config["dynamic_batching"], "max_queue_delay_microseconds": _QUEUE_DELAY_US}
    return {**config, "dynamic_batching": waiting}


async def _reload(trial: Trial, config: Mapping[str, Any]) -> None:
    copy = trial.copy
    write_config(copy.folder, config, copy.job.version)
    limit_s = copy.job.policy.load_timeout_s
    trial.new.stubs = await load_version(trial.triton, copy.folder.name, copy.job.version, limit_s)


async def _answer(trial: Trial, solo: Solo, how: str) -> list[AnswerTensor]:
    try:
        return await trial.new.ask_well(solo.request)
    except NotAnswered as error:
        raise Bad(error.at(f"{solo.name}, {how},")) from error


def _chosen(random: np.random.Generator, solos: Sequence[Solo], size: int) -> list[Solo]:
    """Choose as many different ones as there are, and some of them again only beyond that."""
    places = np.resize(random.permutation(len(solos)), size)
    return [solos[place] for place in places]


def _names(group: Sequence[Solo]) -> str:
    return named(one.name for one in group)


def _mates(group: Sequence[Solo], solo: Solo) -> str:
    return named(one.name for one in group if one is not solo) or "itself"
