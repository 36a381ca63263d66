"""Answers under parallel requests must be those that the requests get alone."""

import asyncio
from collections.abc import Sequence
from typing import Final

import numpy as np

from control.verification.asking import NotAnswered
from control.verification.comparing import difference
from control.verification.pace import Pace
from control.verification.plain_words import named
from control.verification.trial import Solo, Trial
from control.verification.verdicts import Bad

_SEED: Final = 2
_SENDERS: Final = 16
_REQUESTS: Final = 208
#: Of a model that is slow, so many are sent at least; none after so many seconds.
_LEAST_REQUESTS: Final = 48
_MOST_S: Final = 30.0


async def check_concurrency(trial: Trial) -> str:
    """Have many senders ask in a shuffled order, and compare each answer."""
    parallel = _Parallel(trial, trial.comparable())
    senders = [asyncio.create_task(parallel.send()) for _ in range(_SENDERS)]
    try:
        await asyncio.gather(*senders)
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
    return f"{parallel.pace.steps} requests of {_SENDERS} senders are answered as alone"


class _Parallel:
    def __init__(self, trial: Trial, solos: Sequence[Solo]) -> None:
        random = np.random.default_rng(_SEED)
        places = random.permutation(np.resize(np.arange(len(solos)), _REQUESTS))
        self._trial = trial
        self._left = [solos[place] for place in places]
        self._under_way: list[Solo] = []
        self.pace = Pace(least=_LEAST_REQUESTS, most_s=_MOST_S)

    async def send(self) -> None:
        """Ask one after the other as long as any are left; raises Bad."""
        while self._left and not self.pace.is_over():
            solo = self._left.pop()
            self._under_way.append(solo)
            await self._ask(solo)
            self._under_way.remove(solo)

    async def _ask(self, solo: Solo) -> None:
        try:
            answer = await self._trial.new.ask_well(solo.request)
        except NotAnswered as error:
            names = named(one.name for one in self._under_way)
            what = f"{names} in parallel" if error.is_death else f"{solo.name}, in parallel,"
            raise Bad(error.at(what)) from error
        told = difference(self._trial, solo.answer, answer)
        if told is not None:
            raise Bad(f"{solo.name} is answered differently in parallel: {told}")
