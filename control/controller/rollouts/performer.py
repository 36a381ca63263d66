"""Does what a rollout waits for: copies a version's files, has it verified, asks the webhooks."""

import time
from collections.abc import Coroutine
from typing import Any, Final

from control.controller.announcement import Announcement
from control.controller.rollouts.places import Places
from control.controller.rollouts.verifier import Verifier
from control.controller.rollouts.works import NotDone, WorkKey, Works, in_words
from control.controller.webhooks.webhooks import HookKind, Webhooks
from control.core.rollout_facts import Result, Work
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.core.rollout_route import under_way
from control.repository.refusals import SourceChanged, SourceRefused, StagingFailed

_KINDS: Final = {
    Work.ASK_PRE_ROLLOUT: HookKind.PRE_ROLLOUT,
    Work.ASK_STEP: HookKind.ROLLOUT,
    Work.ASK_ROLLBACK: HookKind.ROLLBACK,
}
_ASKED_ALL_ALONG: Final = frozenset({Phase.SHADOWING, Phase.CANARY, Phase.PROMOTING})


class Performer:
    """Belongs to the event loop."""

    def __init__(self, works: Works, places: Places, verifier: Verifier, hooks: Webhooks) -> None:
        """Copy between ``places``, verify by ``verifier``, ask by ``hooks``."""
        self._works = works
        self._places = places
        self._verifier = verifier
        self._hooks = hooks

    def begin(self, record: ModelRecord, due: Work | None) -> None:
        """Begin what is due, unless it is being done; ask for rollbacks besides."""
        current = under_way(record)
        if current is None:
            return
        rollout, version = current
        if due is not None:
            since_s = rollout.step_since_s if due is Work.ASK_STEP else None
            key = WorkKey(rollout.rollout, due, since_s)
            self._works.start(key, self._work(due, record, rollout))
        if version.phase in _ASKED_ALL_ALONG and self._hooks.has(HookKind.ROLLBACK):
            key = WorkKey(rollout.rollout, Work.ASK_ROLLBACK)
            self._works.start(key, self._ask(Work.ASK_ROLLBACK, record, rollout))

    def forget_others(self, rollouts: set[str]) -> None:
        """End the work of attempts that are over."""
        self._works.forget_others(rollouts)
        self._verifier.forget_others(rollouts)

    def _work(
        self, due: Work, record: ModelRecord, rollout: Rollout
    ) -> Coroutine[Any, Any, Result]:
        match due:
            case Work.STAGE:
                return self._stage(record.model, rollout.version)
            case Work.VERIFY:
                return self._verifier.verify(record, rollout)
            case _:
                return self._ask(due, record, rollout)

    async def _stage(self, model: str, version: int) -> Result:
        try:
            staged = await self._places.staging.do(self._places.stage, model, version)
        except SourceRefused as error:
            return Result(is_good=False, detail=str(error))
        except (SourceChanged, StagingFailed, OSError) as error:
            message = f"version {version} of '{model}' cannot be copied: {in_words(error)}"
            raise NotDone(message) from error
        return Result(is_good=True, detail=staged.digest, model_digest=staged.model_digest)

    async def _ask(self, due: Work, record: ModelRecord, rollout: Rollout) -> Result:
        version = record.versions[rollout.version]
        answer = await self._hooks.ask(_KINDS[due], _about(record.model, rollout, version))
        return Result(is_good=answer.ok, detail=answer.reason)


def _about(model: str, rollout: Rollout, version: VersionRecord) -> Announcement:
    return Announcement(
        model=model,
        version=version.version,
        phase=version.phase,
        weight=rollout.weight,
        reason=version.reason,
        rollout=rollout.rollout,
        at_s=time.time(),
    )
