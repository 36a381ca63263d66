"""What a rollout makes of a request: it is put on a track, or copied to the canary, or neither."""

import random
from collections.abc import Callable
from typing import Final, Protocol

from control.core.tensors import Buffer, InferRequest
from control.core.track import Track, bucket_by, sticky_key
from control.gateway.caller import Caller
from control.gateway.rollouts.board import CanaryBoard
from control.gateway.rollouts.canary_calls import CanaryCalls, Find, Write, uncut
from control.gateway.rollouts.left_behind import LeftBehind
from control.gateway.rollouts.live_canary import LiveCanary
from control.gateway.rollouts.shadows import Shadow, Shadows
from control.gateway.rollouts.trial import Trial
from control.gateway.target import Form, Target
from control.http.messages import Headers, Reply

#: Requests with larger bodies are not copied.
MOST_COPIED_BYTES: Final = 1024 * 1024
_EVERYTHING: Final = 100.0


class Course(Protocol):
    """The way that one request goes to its answer."""

    @property
    def track(self) -> Track:
        """Who is asked first."""
        ...

    async def answer(self, stable: Find, write: Write) -> Reply:
        """Give the reply with the canary's answer, or with stable's; raises what stable raises."""
        ...


class Courses:
    """One per gateway; all calls on its event loop."""

    def __init__(
        self,
        board: CanaryBoard,
        calls: CanaryCalls,
        shadows: Shadows,
        left: LeftBehind,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Go by the rollouts on ``board``; ``draw`` gives chance, from 0 to below 1."""
        self._board = board
        self._calls = calls
        self._shadows, self._left = shadows, left
        self._draw = draw

    def of(
        self, target: Target, caller: Caller, headers: Headers, body: Buffer, request: InferRequest
    ) -> Course | None:
        """Give the course of a decoded request; None for all that rollouts make nothing of.

        Who names a version gets that version.
        """
        canary = self._board.of(target.model)
        if canary is None or target.version is not None or canary.stable is None:
            return None
        view = caller.seen.view
        if view is None or view.version != canary.stable.version or not view.ready:
            return None
        return self._choose(canary, target, caller, headers, body, request)

    def _choose(
        self,
        canary: LiveCanary,
        target: Target,
        caller: Caller,
        headers: Headers,
        body: Buffer,
        request: InferRequest,
    ) -> Course | None:
        key = sticky_key(canary.route.policy.sticky, headers, caller.tenant, body)
        document = None if target.form is Form.INFER else body
        if canary.weight and self._place(key, canary.salt) < canary.weight:
            return Trial(self._calls, self._left, canary, caller, uncut(request, document))
        if not canary.shadow or self._place(key, canary.shadow_salt) >= canary.shadow:
            return None
        if len(body) > MOST_COPIED_BYTES or any(one.classification for one in request.outputs):
            return None
        return Shadow(self._shadows, canary, caller, uncut(request, document))

    def _place(self, key: Buffer | None, salt: bytes) -> float:
        return _EVERYTHING * self._draw() if key is None else bucket_by(key, salt)
