"""Tokens on a whole running Seawall: two gateway workers, a controller, a real Triton."""

import http.client
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control.runtime import RuntimePaths
from tests.support.clients import infer_body
from tests.support.jwts import Issuer, jwks
from tests.support.stack import ROOT, TEST_MODELS, Stack, children_of, kill, wait_until

pytestmark = pytest.mark.triton

OLD, NEW = Issuer("ES256", kid="old"), Issuer("ES256", kid="new", number=1)
INFER = "/v2/models/identity/infer"
#: So long a revocation may take to hold everywhere.
REVOKED_WITHIN_S = 1.0


@pytest.fixture(scope="module")
def jwks_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key set that the stack watches."""
    file = tmp_path_factory.mktemp("keys") / "jwks.json"
    file.write_bytes(jwks(OLD))
    return file


@pytest.fixture(scope="module")
def stack(jwks_file: Path) -> Iterator[Stack]:
    """A Seawall that asks for tokens, with every request in its log."""
    settings: dict[str, dict[str, object]] = {
        "gateway": {"workers": 2},
        "identity": {"required": "always", "jwks_file": str(jwks_file)},
        "log": {"access": "all", "level": "debug"},
    }
    with Stack(TEST_MODELS, settings) as running:
        wait_until(lambda: running.status()["gateways"] == 2, "both workers follow the controller")
        yield running


def ask(stack: Stack, token: str, method: str = "POST", path: str = INFER) -> int:
    """The status of one request on a connection of its own; "" is no token."""
    connection = http.client.HTTPConnection(stack.http, timeout=20)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request(method, path, infer_body([1.0]) if method == "POST" else None, headers)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status
    finally:
        connection.close()


def create(stack: Stack, *scopes: str) -> tuple[str, str]:
    """Make a token; give its text and its id."""
    made = stack.ask_admin("POST", "/tokens", {"name": "e2e", "tenant": "t", "scopes": scopes})
    return made["token"], made["about"]["token_id"]


def workers(stack: Stack) -> list[int]:
    """The process ids of the gateway workers."""
    assert stack.process is not None
    return [
        pid
        for pid in children_of(stack.process.pid)
        if b"control.gateway.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Keep a process from running meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_token_works_at_once_and_a_revoked_one_is_refused_within_a_second(stack):
    """On each of two workers: the other one is stopped meanwhile, so that this one must answer."""
    one, other = workers(stack)
    token, token_id = create(stack, "infer:identity")
    for idle in (one, other):
        with stopped(idle):
            assert ask(stack, token) == 200
    stack.ask_admin("DELETE", f"/tokens/{token_id}")
    for idle in (one, other):
        with stopped(idle):
            wait_until(lambda: ask(stack, token) == 401, "it is refused", REVOKED_WITHIN_S)
    assert {ask(stack, token) for _ in range(20)} == {401}


def test_without_a_token_only_health_answers(stack):
    """Inference, metadata and the index are for those who are known."""
    assert ask(stack, "", "GET", "/v2/health/live") == 200
    assert ask(stack, "", "GET", "/v2/health/ready") == 200
    for method, path in (
        ("POST", INFER),
        ("GET", "/v2"),
        ("GET", "/v2/models/identity"),
        ("POST", "/v2/repository/index"),
    ):
        assert ask(stack, "", method, path) == 401


def test_a_scope_opens_its_model_alone(stack):
    """The token of one model is refused by the others, whether they exist or not."""
    token, _ = create(stack, "infer:identity")
    assert ask(stack, token) == 200
    assert ask(stack, token, "GET", "/v2/models/identity/config") == 200
    for model in ("text", "nowhere"):
        assert ask(stack, token, "POST", f"/v2/models/{model}/infer") == 403
        assert ask(stack, token, "GET", f"/v2/models/{model}") == 403


def test_a_revocation_holds_while_triton_does_not_answer(stack):
    """A stopped Triton keeps no revocation from going out."""
    token, token_id = create(stack, "infer:identity")
    assert ask(stack, token) == 200
    with stopped(stack.triton_pid):
        stack.ask_admin("DELETE", f"/tokens/{token_id}")
        wait_until(lambda: ask(stack, token) == 401, "it is refused", REVOKED_WITHIN_S)


def test_tokens_survive_the_controller(stack):
    """While it is dead tokens are judged as before; the next one knows all that it had kept."""
    token, token_id = create(stack, "infer:identity")
    before = stack.status()
    kill(stack.child_pid("control.controller.process"))
    assert ask(stack, token) == 200
    assert ask(stack, token + "x") == 401

    def is_back() -> bool:
        try:
            now = stack.status()
        except OSError:
            return False
        return now["gateways"] == 2 and now["uptime_seconds"] < before["uptime_seconds"]

    wait_until(is_back, "a new controller has its gateways")
    assert ask(stack, token) == 200
    stack.ask_admin("DELETE", f"/tokens/{token_id}")
    wait_until(lambda: ask(stack, token) == 401, "it is refused", REVOKED_WITHIN_S)


def test_keys_that_sign_jwts_are_rotated_without_a_restart(stack, jwks_file):
    """A JWT counts as long as its key stands in the file; a broken file changes nothing."""
    old = OLD.sign(scope="infer:*").decode()
    new = NEW.sign(scope="infer:*").decode()
    assert (ask(stack, old), ask(stack, new)) == (200, 401)
    jwks_file.write_text("{")
    wait_until(lambda: stack.status()["access"]["jwks_fault"], "the fault is shown")
    assert ask(stack, old) == 200
    draft = jwks_file.with_suffix(".draft")
    draft.write_bytes(jwks(NEW))
    draft.replace(jwks_file)
    wait_until(lambda: (ask(stack, old), ask(stack, new)) == (401, 200), "the keys have changed")


def test_the_command_line_finds_the_operators_token(stack):
    """Whoever may read the state directory is the operator; nobody else can read the token."""
    file = RuntimePaths(stack.state).operator_token
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    seawall = [sys.executable, "-m", "control"]
    config = ["--config", str(stack.config)]
    wanted = ["--name", "cli", "--tenant", "t", "--scope", "infer:*"]
    status = subprocess.run(
        [*seawall, "status", "--json", *config], capture_output=True, cwd=ROOT, check=True
    )
    assert json.loads(status.stdout)["gateways"] == 2
    made = subprocess.run(
        [*seawall, "token", "create", *wanted, *config],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert ask(stack, made.stdout.strip()) == 200
    assert ask(stack, stack.operator_token) == 200


def test_no_token_comes_into_the_log(stack):
    """Good, wrong and revoked tokens and JWTs, on every path there is: the log has none of them."""
    good, _ = create(stack, "infer:identity", "read")
    gone, gone_id = create(stack, "infer:*")
    stack.ask_admin("DELETE", f"/tokens/{gone_id}")
    signed = [NEW.sign(scope="infer:*"), OLD.sign(sub="x"), NEW.sign(exp=1), NEW.sign()[:-6]]
    shown = [good, gone, good[:-1], "sw_x_y" * 9, *(one.decode() for one in signed)]
    asked = [("POST", INFER), ("POST", "/v2/models/none/infer"), ("GET", "/v2"), ("PUT", "/none")]
    asked += [("POST", "/v2/models/identity/generate"), ("GET", "/v2/models/identity/stats")]
    for token in shown:
        for method, path in asked:
            ask(stack, token, method, path)
        admin = http.client.HTTPConnection(stack.admin, timeout=20)
        for path in ("/admin/v1/status", "/admin/v1/tokens/00000000", "/nothing"):
            admin.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            admin.getresponse().read()
        admin.close()
    log = stack.log.read_text()
    assert gone_id in log, "the log names tokens by their ids"
    for token in (*shown, stack.operator_token):
        secret = token.rsplit(".", 1)[-1] if "." in token else token.split("_", 2)[2]
        assert secret[:24] not in log
    state = Path(stack.state)
    kept = b"".join(one.read_bytes() for one in state.glob("seawall.db*"))
    kept += RuntimePaths(state).kept_snapshot.read_bytes() + (state / "run/setup.json").read_bytes()
    for token in (good, gone, stack.operator_token):
        assert token.split("_", 2)[2].encode() not in kept
