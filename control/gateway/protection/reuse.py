"""Answers that Triton need not give again, for models declared deterministic.

A fresh answer comes from the cache; identical requests under way share one call; everything else
is called. Failures are shared, but never kept.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Final

from control.core.answer_cache import AnswerCache, Holding, Kept, Place
from control.core.protection import FallbackKind
from control.core.request_key import in_sequence, is_heavy, spell_request, spell_version
from control.core.snapshot import Snapshot, VersionView
from control.core.tensors import InferRequest
from control.errors import DeadlineExceeded
from control.gateway.codec.triton_form import Answer
from control.gateway.protection.flights import Execute, Flights
from control.gateway.protection.reuse_counts import ReuseCounts, ReuseStatus, Source
from control.gateway.protection.shared_answers import answer_for, owned, owned_bytes
from control.observability.metrics import GatewayMetrics

_KEY_BYTES: Final = 32
_TOO_LATE: Final = "no answer within the request's time"


class _Version:
    """One version as its answers are kept; ``salt`` changes with anything that changes them."""

    __slots__ = ("counts", "most_stale_s", "place", "salt", "view")

    def __init__(self, view: VersionView, salt: bytes, counts: ReuseCounts) -> None:
        self.view, self.salt, self.counts = view, salt, counts
        self.place = (view.model, view.version)
        steps = view.protection.fallbacks
        stale = [step.max_stale_s for step in steps if step.kind is FallbackKind.CACHE]
        self.most_stale_s = max(stale, default=0.0)


class Reuse:
    """The cache and the flights of one gateway. Belongs to the event loop."""

    def __init__(
        self,
        cache_bytes: int,
        metrics: GatewayMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep answers within ``cache_bytes``; 0 keeps none, but shares calls all the same."""
        self._cache: AnswerCache[Answer] = AnswerCache(cache_bytes)
        self._flights = Flights(clock)
        self._metrics = metrics
        self._clock = clock
        self._versions: dict[Place, _Version] = {}

    async def answer(
        self,
        view: VersionView,
        request: InferRequest,
        *,
        tenant: str,
        deadline_s: float,
        execute: Execute,
    ) -> tuple[Answer, Source]:
        """Give an answer of this caller's own, and where it came from.

        ``execute`` calls Triton by the deadline that it is given, checks the answer, and is called
        only where no kept or coming answer will do; what it raises is raised here.
        """
        if in_sequence(request):
            return await execute(deadline_s), Source.UPSTREAM
        version = self._version(view)
        key = await self._key_by(version, request, tenant, deadline_s)
        totals = version.counts.totals
        if view.protection.cache is not None:
            found = self._cache.get_fresh(key, self._clock())
            if found is not None:
                totals[Source.CACHE] += 1
                return answer_for(request.request_id, found), Source.CACHE
        source = Source.SHARED if key in self._flights else Source.UPSTREAM
        totals[source] += 1
        keep = partial(self._keep, version, key)
        answer = await self._flights.share(key, request.request_id, deadline_s, execute, keep)
        return answer, source

    def may_have(self, view: VersionView, request: InferRequest, *, tenant: str) -> bool:
        """Whether an answer may be kept or on its way; a request too large to look up may have one.

        For requests as they came: one whose text its contract would cut first has another key.
        """
        if not view.protection.deterministic or in_sequence(request):
            return False
        if is_heavy(request):
            return True
        version = self._version(view)
        key = _key(version, request, tenant)
        if key in self._flights:
            return True
        return self._cache.get_stale(key, self._clock(), version.most_stale_s) is not None

    async def stale(
        self, view: VersionView, request: InferRequest, *, tenant: str, max_stale_s: float
    ) -> Answer | None:
        """Give a kept answer that may be past its time by ``max_stale_s``."""
        protection = view.protection
        if not protection.deterministic or protection.cache is None or in_sequence(request):
            return None
        version = self._version(view)
        key = await self._key_by(version, request, tenant, None)
        found = self._cache.get_stale(key, self._clock(), max_stale_s)
        return None if found is None else answer_for(request.request_id, found)

    def learn(self, snapshot: Snapshot) -> None:
        """Forget the answers of versions that are gone, or that would answer otherwise now."""
        views = {
            (model.name, view.version): view
            for model in snapshot.models.values()
            for view in model.versions.values()
            if view.protection.deterministic
        }
        for place in self._versions.keys() - views.keys():
            self._versions.pop(place).counts.write_down(self._metrics, place)
            self._cache.purge(*place)
        for place, view in views.items():
            known = self._versions.get(place)
            if known is None or known.view is not view:
                self._versions[place] = self._renewed(known, view)

    def statuses(self) -> list[ReuseStatus]:
        """Say what is kept of each version, and how requests to it were answered."""
        return [self._status(version) for version in self._versions.values()]

    def write_down(self) -> None:
        """Bring the metrics up to date."""
        self._metrics.cache_bytes.set(self._cache.size_bytes)
        self._metrics.cache_entries.set(len(self._cache))
        for place, version in self._versions.items():
            version.counts.write_down(self._metrics, place)

    def _version(self, view: VersionView) -> _Version:
        known = self._versions.get((view.model, view.version))
        if known is not None and known.view is view:
            return known
        # A request that began under an older snapshot: its answers are of no use to later ones.
        return _Version(view, _salt(view), ReuseCounts() if known is None else known.counts)

    def _renewed(self, known: _Version | None, view: VersionView) -> _Version:
        salt = _salt(view)
        if known is None:
            return _Version(view, salt, ReuseCounts())
        if known.salt != salt:
            self._cache.purge(view.model, view.version)
        return _Version(view, salt, known.counts)

    async def _key_by(
        self, version: _Version, request: InferRequest, tenant: str, deadline_s: float | None
    ) -> bytes:
        """Give the request's key; a large one is hashed on a thread, by ``deadline_s`` if any."""
        if not is_heavy(request):
            return _key(version, request, tenant)
        try:
            async with asyncio.timeout_at(deadline_s):
                return await asyncio.to_thread(_key, version, request, tenant)
        except TimeoutError as error:
            raise DeadlineExceeded(_TOO_LATE) from error

    def _keep(self, version: _Version, key: bytes, answer: Answer) -> None:
        policy = version.view.protection.cache
        known = self._versions.get(version.place)
        size_bytes = owned_bytes(answer)
        if policy is None or known is None or known.salt != version.salt:
            return
        if size_bytes <= self._cache.largest_bytes:
            fresh_until_s = self._clock() + policy.ttl_s
            kept_until_s = fresh_until_s + version.most_stale_s
            kept = Kept(version.place, owned(answer), size_bytes, fresh_until_s, kept_until_s)
            self._cache.put(key, kept)

    def _status(self, version: _Version) -> ReuseStatus:
        held = self._cache.holdings.get(version.place, Holding())
        return version.counts.status(version.place, held)


def _salt(view: VersionView) -> bytes:
    return blake2b(spell_version(view), digest_size=_KEY_BYTES).digest()


def _key(version: _Version, request: InferRequest, tenant: str) -> bytes:
    policy = version.view.protection.cache
    whose = tenant if policy is not None and policy.per_tenant else None
    digest = blake2b(version.salt, digest_size=_KEY_BYTES)
    for piece in spell_request(request, whose):
        digest.update(piece)
    return digest.digest()


__all__ = ["Reuse", "ReuseStatus", "Source"]
