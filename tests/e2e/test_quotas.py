"""Quotas over two gateway workers, with the real Triton."""

import bisect
import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from control.quotas.shared_counters import SharedCounters
from control.runtime import RuntimePaths
from tests.support.answers import Answer
from tests.support.clients import infer_body
from tests.support.crowd import Crowd
from tests.support.exchange import exchange
from tests.support.stack import TEST_MODELS, Stack, children_of, kill, wait_until

pytestmark = pytest.mark.triton

_INFER = "/v2/models/identity/infer"
_LIMIT = 50
_SECONDS = 10.0
_WORKERS = 2
_MANY = 20  # connections that do not all go to one worker


@pytest.fixture(scope="module")
def stack():
    settings = {"gateway": {"workers": _WORKERS}, "identity": {"required": "always"}}
    with Stack(TEST_MODELS, settings) as stack:
        yield stack


def make_token(stack: Stack, tenant: str, **quota: int) -> tuple[str, str]:
    """Make a token with a quota that every worker knows; give its id and its secret text."""
    scopes = ["infer:*", "read"]
    wanted = {"name": tenant, "tenant": tenant, "scopes": scopes, "quota": quota}
    created = stack.ask_admin("POST", "/tokens", wanted)
    token = created["token"]

    def is_known() -> bool:
        answer = exchange(stack.http, "GET", "/v2/models/identity", headers=bearer(token))
        return answer.status == 200

    wait_until(lambda: all(is_known() for _ in range(_MANY)), "all workers know the token")
    return created["about"]["token_id"], token


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def infer(stack: Stack, token: str, values: list[float]) -> Answer:
    """One inference by the holder of a token."""
    return exchange(stack.http, "POST", _INFER, infer_body(values), bearer(token))


class TokenClients(Crowd):
    """Clients that share a token and send one request after the other, a new connection each."""

    def __init__(self, stack: Stack, token: str, count: int, path: str = _INFER) -> None:
        self._address, self._path, self._headers = stack.http, path, bearer(token)
        self.statuses: Counter[int] = Counter()
        self.wrong: list[Any] = []
        self.times_s: list[float] = []
        super().__init__(count)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self.times_s.sort()

    def let_in(self, start_s: float, seconds: float) -> int:
        """How many were answered in the stretch from ``start_s`` on."""
        times_s = self.times_s
        return bisect.bisect_left(times_s, start_s + seconds) - bisect.bisect_left(times_s, start_s)

    def run_one(self, number: int) -> None:
        """Send one request after the other, a new connection each."""
        turn = 0
        while not self.stop.is_set():
            turn += 1
            values = [float(number), float(turn)]
            connection = http.client.HTTPConnection(self._address, timeout=60)
            try:
                connection.request("POST", self._path, infer_body(values), self._headers)
                answer = connection.getresponse()
                self._note(answer.status, json.loads(answer.read()), values)
            finally:
                connection.close()

    def _note(self, status: int, document: Any, values: list[float]) -> None:
        self.statuses[status] += 1
        if status == 200:
            self.times_s.append(time.monotonic())
            if document["outputs"][0]["data"] != values:
                self.wrong.append((values, document))


def test_a_tokens_rate_is_right_over_two_workers(stack: Stack) -> None:
    """Ten clients of one token get what it may have, to 5 %; others notice nothing of it."""
    token_id, token = make_token(stack, "limited", requests_per_second=_LIMIT)
    _, free = make_token(stack, "free")
    with TokenClients(stack, free, 2) as others, TokenClients(stack, token, 10) as limited:
        wait_until(lambda: limited.times_s, "a first answer")
        start_s = limited.times_s[0]
        wait_until(lambda: time.monotonic() > start_s + _SECONDS + 0.5, "ten seconds", 60)
    assert set(limited.statuses) == {200, 429}
    assert 0.95 * _LIMIT * _SECONDS <= limited.let_in(start_s, _SECONDS) <= 1.05 * _LIMIT * _SECONDS
    # Answers arrive a little unevenly, whatever the evenness with which requests were let in.
    seconds = [limited.let_in(start_s + 2.0 + 0.5 * n, 1.0) for n in range(15)]
    assert min(seconds) >= 0.9 * _LIMIT
    assert max(seconds) <= 1.1 * _LIMIT
    assert (set(others.statuses), limited.wrong, others.wrong) == ({200}, [], [])
    assert len(others.times_s) > 2 * len(limited.times_s)
    assert all(counted_by_workers(stack, f"requests/subject/'limited'/'token:{token_id}'"))


def counted_by_workers(stack: Stack, key: str) -> list[int]:
    """Where each of the two workers counts a key; 0 where it does not."""
    counters = SharedCounters(RuntimePaths(stack.state).quotas, _WORKERS)
    places = counters.windows._slots.locate(counters.windows.key(key))[:_WORKERS]
    counters.close()
    return places


def test_answers_tell_what_is_left(stack: Stack) -> None:
    """Limited callers find the RateLimit fields on answers and refusals; others find none."""
    _, token = make_token(stack, "told", requests_per_second=1, concurrent=3)
    first, second = infer(stack, token, [1.0]), infer(stack, token, [1.0])
    policy = '"concurrent";q=3;qu="concurrent-requests", "requests";q=1;w=1'
    assert (first.status, first.headers["ratelimit-policy"]) == (200, policy)
    assert first.headers["ratelimit"] == '"concurrent";r=2, "requests";r=0;t=1'
    assert (second.status, second.document["code"]) == (429, "quota_exceeded")
    assert second.headers["ratelimit-policy"] == policy
    assert int(second.headers["retry-after"]) in (1, 2)
    assert "limit 1 requests per second, got 2" in second.document["error"]
    _, free = make_token(stack, "untold")
    assert not [name for name in infer(stack, free, [1.0]).headers if "ratelimit" in name]


def test_a_tenants_quota_holds_for_all_its_tokens(stack: Stack) -> None:
    """Set over the admin API, it limits all the tenant's tokens within moments."""
    tokens = [make_token(stack, "together")[1] for _ in range(2)]
    for token in tokens:
        assert infer(stack, token, [1.0]).status == 200
    large = [0.5] * 100

    def statuses() -> set[int]:
        return {infer(stack, token, large).status for token in tokens * _MANY}

    stack.ask_admin("PUT", "/tenants/together/quota", {"bytes_per_minute": 100})
    wait_until(lambda: statuses() == {429}, "all workers know the quota")
    error = infer(stack, tokens[0], large).document["error"]
    assert "tenant 'together'" in error
    assert "can never pass" in error
    stack.ask_admin("DELETE", "/tenants/together/quota")
    wait_until(lambda: statuses() == {200}, "all workers know that there is none")


def test_killed_workers_leave_no_places_taken(stack: Stack) -> None:
    """What was in flight in gateways that died does not count against their caller."""
    _, token = make_token(stack, "crowded", concurrent=2)
    body = infer_body([9.0, 8.0])  # the model sleeps on it

    def hang() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            exchange(stack.http, "POST", "/v2/models/faulty/infer", body, bearer(token))

    hanging = [threading.Thread(target=hang) for _ in range(2)]
    for thread in hanging:
        thread.start()
    wait_until(lambda: stack.metric("seawall_in_flight_requests") == 2, "both are under way")
    assert infer(stack, token, [1.0]).status == 429
    for pid in gateway_pids(stack):
        kill(pid)
    for thread in hanging:
        thread.join(30)
    wait_until(lambda: stack.get_status("/v2/health/ready") == 200, "gateways are back")
    assert infer(stack, token, [1.0]).status == 200


def gateway_pids(stack: Stack) -> list[int]:
    """The process ids of the two gateway workers."""
    assert stack.process is not None
    pids = [
        pid
        for pid in children_of(stack.process.pid)
        if b"control.gateway.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(pids) == _WORKERS
    return pids
