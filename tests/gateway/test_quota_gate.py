"""What callers and tenants may use, and what those who are over it are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.core.access import Access, Quota
from control.errors import QuotaExceeded
from control.gateway.quota_gate import QuotaGate
from control.observability.metrics import GatewayMetrics
from control.quotas.permit import NO_PERMIT
from control.quotas.rates import Failures, SharedRates
from control.quotas.shared_counters import SharedCounters
from control.quotas.storage import SharedStorage
from tests.gateway.quota_callers import caller
from tests.quotas.conftest import Clock


def access(**tenants: Quota) -> Access:
    """A snapshot's access with these tenants' quotas."""
    return Access(tenants=tenants)


class Gates:
    """Makes the gates of several workers on one host."""

    def __init__(self, path: Path, clock: Clock, metrics: GatewayMetrics) -> None:
        self.clock = clock
        self._path, self._metrics = path, metrics
        self._made: list[QuotaGate] = []

    def make(self) -> QuotaGate:
        """Make one more worker's gate."""
        counters = SharedCounters(self._path, 2, self.clock)
        failures = Failures(self._metrics.quota_storage_failures)
        rates = SharedRates(SharedStorage(counters.windows), failures)
        self._made.append(QuotaGate(counters, rates, failures))
        return self._made[-1]

    def close(self) -> None:
        """Close them all."""
        for gate in self._made:
            gate.close()


@pytest.fixture
def gates(tmp_path: Path, metrics: GatewayMetrics) -> Iterator[Gates]:
    """Gates of one host."""
    made = Gates(tmp_path / "quotas", Clock(), metrics)
    yield made
    made.close()


@pytest.fixture
def gate(gates: Gates) -> QuotaGate:
    """The first worker's gate."""
    return gates.make()


def headers_of(error: QuotaExceeded) -> dict[str, str]:
    """The headers of a refusal."""
    return dict(error.headers)


async def test_callers_without_a_quota_share_one_permit(gate: QuotaGate) -> None:
    """They are not counted, wait for nothing, and get no headers."""
    gate.learn(access(acme=Quota(), other=Quota(concurrent=1)))
    assert gate.enter_free(caller()) is NO_PERMIT
    assert await gate.enter(caller(), 10**12) is NO_PERMIT
    await gate.charge_tokens(NO_PERMIT, 10**12)
    with NO_PERMIT as permit:
        assert list(permit.headers()) == []
    assert gate.enter_free(caller(concurrent=1)) is None
    assert gate.enter_free(caller(tenant="other")) is None


async def test_requests_beyond_the_rate_are_refused(gate: QuotaGate) -> None:
    """The refusal names whose quota it is, which, the limit, what was got, and when to return."""
    for _ in range(2):
        (await gate.enter(caller(requests_per_second=2), 10)).release()
    with pytest.raises(QuotaExceeded) as refused:
        await gate.enter(caller(requests_per_second=2), 10)
    error = refused.value
    assert error.message == ("subject 'abc' is over its quota: limit 2 requests per second, got 3")
    assert error.retry_after_s in (1, 2)
    assert headers_of(error) == {
        "RateLimit-Policy": '"requests";q=2;w=1',
        "RateLimit": f'"requests";r=0;t={error.retry_after_s}',
    }
    (violation,) = error.violations
    assert violation.path == "quota.subject.requests_per_second"
    assert (violation.rule, violation.limit, violation.got) == ("quota", 2, 3)


async def test_a_tenants_callers_share_its_quota(gate: QuotaGate) -> None:
    """Each has its own on top; who is over its own uses up nothing of its tenant's."""
    gate.learn(access(acme=Quota(requests_per_second=3)))
    greedy, modest = caller("greedy", requests_per_second=1), caller("modest")
    await gate.enter(greedy, 0)
    for _ in range(10):
        with pytest.raises(QuotaExceeded, match="subject 'greedy'"):
            await gate.enter(greedy, 0)
    for _ in range(2):
        await gate.enter(modest, 0)
    with pytest.raises(QuotaExceeded, match="tenant 'acme' is over its quota: limit 3 requests"):
        await gate.enter(modest, 0)
    await gate.enter(caller("modest", "another", requests_per_second=1), 0)


async def test_quotas_change_with_the_snapshot(gate: QuotaGate) -> None:
    """A new limit holds from the next request on, and counts what has been let in before."""
    gate.learn(access(acme=Quota(requests_per_second=1)))
    await gate.enter(caller(), 0)
    with pytest.raises(QuotaExceeded):
        await gate.enter(caller(), 0)
    gate.learn(access(acme=Quota(requests_per_second=5)))
    await gate.enter(caller(), 0)
    gate.learn(access(acme=Quota(requests_per_second=2)))
    with pytest.raises(QuotaExceeded):
        await gate.enter(caller(), 0)
    gate.learn(access())
    assert await gate.enter(caller(), 0) is NO_PERMIT


async def test_a_tokens_quota_changes_with_its_identity(gate: QuotaGate) -> None:
    """A caller that comes with another quota is held to that one."""
    await gate.enter(caller(requests_per_second=1), 0)
    await gate.enter(caller(requests_per_second=2), 0)
    with pytest.raises(QuotaExceeded, match="limit 2"):
        await gate.enter(caller(requests_per_second=2), 0)


async def test_concurrent_requests_are_limited_over_all_workers(gates: Gates) -> None:
    """A place is free again once its permit is released, however often that is done."""
    one, other = gates.make(), gates.make()
    who = caller(concurrent=2)
    first, second = await one.enter(who, 0), await other.enter(who, 0)
    with pytest.raises(QuotaExceeded, match="limit 2 concurrent requests, got 3") as refused:
        await one.enter(who, 0)
    assert refused.value.retry_after_s == 1
    assert headers_of(refused.value)["RateLimit"] == '"concurrent";r=0'
    first.release()
    first.release()
    with await other.enter(who, 0) as third:
        assert dict(third.headers())[b"RateLimit"] == b'"concurrent";r=0'
        with pytest.raises(QuotaExceeded):
            await one.enter(who, 0)
    second.release()
    flight = one._in_flight
    assert flight.count(flight.key("concurrent/subject/'acme'/'abc'")) == 0


async def test_a_permit_may_outlive_its_gate(gates: Gates) -> None:
    """A request that a drain did not wait for releases its permit after the end, without a fuss."""
    gate = gates.make()
    with await gate.enter(caller(concurrent=1), 0):
        gate.close()
        gate.close()


async def test_a_refusal_holds_nothing(gate: QuotaGate) -> None:
    """What was taken before a later kind refused is given back, the tenant's too."""
    gate.learn(access(acme=Quota(concurrent=1)))
    who = caller(concurrent=1, bytes_per_minute=100)
    for _ in range(3):
        with pytest.raises(QuotaExceeded, match="bytes"):
            await gate.enter(who, 101)
    with await gate.enter(who, 100):
        pass


async def test_bytes_are_counted_by_the_minute(gate: QuotaGate, gates: Gates) -> None:
    """A body that would fit in a while is told when; one above the whole limit, that it cannot."""
    who = caller(bytes_per_minute=1000)
    await gate.enter(who, 700)
    gates.clock.advance(20.0)
    with pytest.raises(QuotaExceeded) as soon:
        await gate.enter(who, 400)
    assert "limit 1000 bytes of request bodies per minute, got 1100" in soon.value.message
    assert soon.value.retry_after_s == pytest.approx(40, abs=1)
    assert headers_of(soon.value) == {
        "RateLimit-Policy": '"bytes";q=1000;w=60;qu="content-bytes"',
        "RateLimit": f'"bytes";r=300;t={soon.value.retry_after_s}',
    }
    with pytest.raises(QuotaExceeded, match="got 1001 in this one request, which can never pass"):
        await gate.enter(who, 1001)
    gates.clock.advance(41.0)
    await gate.enter(who, 1000)


async def test_tokens_are_charged_after_counting(gate: QuotaGate) -> None:
    """By caller and tenant; more than a whole minute's limit can never pass, and it says so."""
    gate.learn(access(acme=Quota(tokens_per_minute=150)))
    who = caller(tokens_per_minute=100)
    with await gate.enter(who, 5) as permit:
        assert [name for name, _ in permit.headers()] == [b"RateLimit-Policy"]
        await gate.charge_tokens(permit, 80)
        assert dict(permit.headers()) == {
            b"RateLimit-Policy": b'"tokens";q=100;w=60;qu="tokens"',
            b"RateLimit": b'"tokens";r=20;t=60',
        }
    with await gate.enter(who, 5) as permit:
        with pytest.raises(QuotaExceeded, match="limit 100 tokens per minute, got 110"):
            await gate.charge_tokens(permit, 30)
        with pytest.raises(QuotaExceeded, match="got 101 in this one request") as never:
            await gate.charge_tokens(permit, 101)
        assert never.value.retry_after_s == 60
    permit = await gate.enter(caller("other"), 5)
    with pytest.raises(QuotaExceeded, match="tenant 'acme' is over its quota: limit 150 tokens"):
        await gate.charge_tokens(permit, 71)


async def test_the_tightest_limit_of_a_kind_is_shown(gate: QuotaGate) -> None:
    """Of a caller's own and its tenant's, answers tell of the one that has less left."""
    gate.learn(access(acme=Quota(requests_per_second=10)))
    permit = await gate.enter(caller(requests_per_second=5), 0)
    assert dict(permit.headers()) == {
        b"RateLimit-Policy": b'"requests";q=5;w=1',
        b"RateLimit": b'"requests";r=4;t=1',
    }
    for _ in range(8):
        await gate.enter(caller("other"), 0)
    permit = await gate.enter(caller(requests_per_second=5), 0)
    assert dict(permit.headers())[b"RateLimit-Policy"] == b'"requests";q=10;w=1'
    assert dict(permit.headers())[b"RateLimit"].startswith(b'"requests";r=0;t=')


async def test_a_limit_of_nothing_refuses_everything(gate: QuotaGate) -> None:
    """Zero is a limit, not the lack of one."""
    for quota in ({"requests_per_second": 0}, {"concurrent": 0}, {"bytes_per_minute": 0}):
        with pytest.raises(QuotaExceeded, match="limit 0"):
            await gate.enter(caller(**quota), 1)
