"""A running Seawall that hostile requests must not harm."""

from pathlib import Path

from tests.e2e.hostile.making import GOOD, INFER, MIB
from tests.support.answers import Answer
from tests.support.clients import infer_body
from tests.support.exchange import exchange
from tests.support.http_client import connected, post
from tests.support.stack import Stack

GATEWAY = "control.gateway.process"

#: What Triton may grow by in all tests here. The bomb alone would leave 1 GiB, the shapes 16 GB.
TRITON_GROWTH_BYTES = 64 * MIB
#: The gateway holds bodies of up to 64 MiB at a time. What leaks here leaks more: each of the tests
#: for it sends 800 MiB.
GATEWAY_GROWTH_BYTES = 256 * MIB


class Guarded:
    """A running Seawall, and what must not change about it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.address = stack.http
        self._pids = self._present_pids()
        self._resident = self._present_resident()

    def assert_unharmed(self) -> None:
        """The same processes run, no larger than before, and the model answers."""
        assert self._present_pids() == self._pids
        triton, gateway = self._present_resident()
        assert triton - self._resident[0] < TRITON_GROWTH_BYTES
        assert gateway - self._resident[1] < GATEWAY_GROWTH_BYTES
        answer = exchange(self.address, "POST", INFER, infer_body([1.5, 2.5]))
        assert answer.status == 200
        assert answer.document["outputs"][0]["data"] == [1.5, 2.5]

    def _present_pids(self) -> tuple[int, int]:
        return self.stack.triton_pid, self.stack.child_pid(GATEWAY)

    def _present_resident(self) -> tuple[int, int]:
        triton, gateway = (resident_bytes(pid) for pid in self._present_pids())
        return triton, gateway


def resident_bytes(pid: int) -> int:
    """The memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


async def is_answered(guarded: Guarded) -> bool:
    """Whether a good request gets its answer now."""
    async with connected(guarded.address) as client:
        await client.send(post(INFER, GOOD))
        return (await client.reply()).status == 200


def assert_refused(reply: Answer) -> None:
    """The refusal is plain JSON that says why, in Seawall's form, and gives nothing away."""
    assert reply.headers["content-type"] == "application/json"
    document = reply.document
    assert set(document) - {"violations"} == {"error", "code", "request_id"}
    assert document["error"]
    assert document["code"] not in {"internal_error", "model_failed"}
    assert document["request_id"] == reply.headers["x-request-id"]
    assert b"Traceback" not in reply.body
    assert b"site-packages" not in reply.body
