"""Holds each caller to its own quota and its tenant's, together with all other gateway workers.

A permit is taken before a request is decoded: concurrency, requests, bytes; tokens are charged
once they are counted. A refused request keeps what it took of the limits that were checked before
the one that refused it: of the caller's own at most, never of its tenant's in its stead.
"""

from collections.abc import Mapping
from typing import Final

from control.config import Settings
from control.core.access import NO_QUOTA, Access, Identity, Quota
from control.core.violations import Violation
from control.errors import QuotaExceeded
from control.observability.metrics import GatewayMetrics
from control.quotas.allowances import Allowance, Plan, limits_nothing
from control.quotas.fields import whole_seconds
from control.quotas.key_slots import TableFull
from control.quotas.permit import NO_PERMIT, QuotaPermit
from control.quotas.rates import Failures, Rates, SharedRates, remote_rates
from control.quotas.shared_counters import SharedCounters
from control.quotas.storage import SharedStorage
from control.runtime import RuntimePaths

_MAX_KNOWN_PLANS: Final = 16_384
_CONCURRENT_RETRY_S: Final = 1.0


class QuotaGate:
    """Gives permits. One per gateway; all calls on its event loop."""

    def __init__(self, counters: SharedCounters, rates: Rates, failures: Failures) -> None:
        """Count requests in flight in this host's ``counters``, everything else in ``rates``."""
        self._counters, self._in_flight = counters, counters.in_flight
        self._rates, self._failures = rates, failures
        self._tenants: Mapping[str, Quota] = {}
        self._plans: dict[tuple[str, str], Plan] = {}

    def learn(self, access: Access) -> None:
        """Take over the quotas of a new snapshot; what has been counted stays counted."""
        self._tenants = {
            tenant: quota for tenant, quota in access.tenants.items() if not limits_nothing(quota)
        }
        self._plans.clear()

    def enter_free(self, identity: Identity) -> QuotaPermit | None:
        """Give the permit of a caller that nothing limits, at once; None for all others."""
        if identity.tenant not in self._tenants and limits_nothing(identity.quota):
            return NO_PERMIT
        return None

    async def enter(self, identity: Identity, body_bytes: int) -> QuotaPermit:
        """Give a permit for one request of so many bytes; raises QuotaExceeded."""
        free = self.enter_free(identity)
        if free is not None:
            return free
        plan = self._plan_of(identity)
        permit = QuotaPermit(plan, self._in_flight)
        try:
            for allowance in plan.concurrent:
                self._hold(permit, allowance)
            for allowance in plan.requests:
                await self._take(permit, allowance, 1)
            for allowance in plan.body_bytes:
                await self._take(permit, allowance, body_bytes)
        except BaseException:
            permit.release()
            raise
        return permit

    async def charge_tokens(self, permit: QuotaPermit, tokens: int) -> None:
        """Charge the tokens of a request; raises QuotaExceeded."""
        if permit.plan is not None:
            for allowance in permit.plan.tokens:
                await self._take(permit, allowance, tokens)

    def close(self) -> None:
        """Give this worker's part of the shared counters back."""
        self._counters.close()

    def _plan_of(self, identity: Identity) -> Plan:
        name = (identity.tenant, identity.subject)
        plan = self._plans.get(name)
        if plan is None or (plan.quota is not identity.quota and plan.quota != identity.quota):
            if len(self._plans) >= _MAX_KNOWN_PLANS:
                self._plans.clear()
            of_tenant = self._tenants.get(identity.tenant, NO_QUOTA)
            plan = self._plans[name] = Plan(identity, of_tenant)
        return plan

    def _hold(self, permit: QuotaPermit, allowance: Allowance) -> None:
        key = self._in_flight.key(allowance.key)
        try:
            held = self._in_flight.acquire(key, allowance.amount)
        except TableFull as error:
            self._failures.note(error)
            return
        remaining = allowance.amount - self._in_flight.count(key)
        if not held:
            permit.note_refusal(allowance, 0, _CONCURRENT_RETRY_S)
            raise _exceeded(permit, allowance, allowance.amount + 1, _CONCURRENT_RETRY_S)
        permit.hold(key)
        permit.note(allowance, remaining, _CONCURRENT_RETRY_S)

    async def _take(self, permit: QuotaPermit, allowance: Allowance, amount: int) -> None:
        taken = await self._rates.take(allowance.item, amount)
        if taken is None:
            return
        if taken.admitted:
            permit.note(allowance, taken.remaining, taken.more_in_s)
            return
        # A single request may be refused with some left: over its limit, a caller is spread evenly.
        remaining = 0 if amount == 1 else taken.remaining
        permit.note_refusal(allowance, remaining, taken.more_in_s)
        if amount > allowance.amount:
            raise _can_never_pass(permit, allowance, amount)
        got = max(allowance.amount - taken.remaining + amount, allowance.amount + 1)
        raise _exceeded(permit, allowance, got, taken.more_in_s)


def open_quota_gate(settings: Settings, paths: RuntimePaths, metrics: GatewayMetrics) -> QuotaGate:
    """Make this worker's gate; raises CannotShare, or what `limits` says of a wrong storage."""
    counters = SharedCounters(paths.quotas, settings.gateway.workers)
    failures = Failures(metrics.quota_storage_failures)
    url = settings.quotas.storage_url
    rates: Rates
    if url:
        rates = remote_rates(url, failures)
    else:
        rates = SharedRates(SharedStorage(counters.windows), failures)
    return QuotaGate(counters, rates, failures)


def _exceeded(permit: QuotaPermit, allowance: Allowance, got: int, retry_s: float) -> QuotaExceeded:
    limit, what = allowance.amount, allowance.kind.in_words
    message = f"{allowance.owner} is over its quota: limit {limit} {what}, got {got}"
    return _refusal(permit, allowance, message, got, retry_s)


def _can_never_pass(permit: QuotaPermit, allowance: Allowance, amount: int) -> QuotaExceeded:
    limit, what = allowance.amount, allowance.kind.in_words
    message = (
        f"{allowance.owner} is over its quota: limit {limit} {what}, got {amount} "
        "in this one request, which can never pass"
    )
    return _refusal(permit, allowance, message, amount, allowance.kind.window_s)


def _refusal(
    permit: QuotaPermit, allowance: Allowance, message: str, got: int, retry_s: float
) -> QuotaExceeded:
    return QuotaExceeded(
        message,
        violations=[Violation(allowance.path, "quota", allowance.amount, got)],
        retry_after_s=whole_seconds(retry_s),
        headers=permit.fields(),
    )
