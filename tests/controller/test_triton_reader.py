"""Reading Triton's state, from a Triton that is a few values."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from control.controller.triton_reader import TritonReader
from control.link.messages import VersionMessage
from control.triton.address import Address
from control.triton.connection import UpstreamAnswer
from control.triton.management import IndexEntry, TritonAway
from control.triton.stubs import Stub, StubWatch
from control.triton.upstream import ConnectRefused, Upstream

SERVER_PID = 4242


class FakeUpstream(Upstream):
    """Answers every path with its own name, or with the status that is set for it."""

    def __init__(self) -> None:
        super().__init__(Address(unix_path="/nowhere"))
        self.asked: list[str] = []
        self.statuses: dict[str, int] = {}
        self.refuses = False

    async def request(self, method: str, path: str, *_: object) -> UpstreamAnswer:
        assert method == "GET"
        self.asked.append(path)
        if self.refuses:
            raise ConnectRefused("nobody listens")
        return UpstreamAnswer(self.statuses.get(path, 200), {}, path.encode())


class FakeIndex:
    """The repository index as it is set."""

    def __init__(self, *entries: IndexEntry) -> None:
        self.entries: Sequence[IndexEntry] = entries

    async def read(self) -> Sequence[IndexEntry]:
        return self.entries


class FakeWatch(StubWatch):
    """The stubs as they are set."""

    def __init__(self, *stubs: Stub) -> None:
        super().__init__()
        self.stubs = list(stubs)

    def scan(self, server_pid: int) -> list[Stub]:
        assert server_pid == SERVER_PID
        assert threading.current_thread() is not threading.main_thread(), "it blocks the event loop"
        return self.stubs


def ready(model: str = "m", version: int = 1) -> IndexEntry:
    """A version that Triton calls ready."""
    return IndexEntry(model, version, "READY", "")


def unloaded(model: str = "m", version: int = 1, reason: str = "unloaded") -> IndexEntry:
    """A version that Triton does not serve."""
    return IndexEntry(model, version, "UNAVAILABLE", reason)


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    """The file in which the launcher tells the server's process id."""
    file = tmp_path / "tritonserver.pid"
    file.write_text(str(SERVER_PID))
    return file


def replace(file: Path, text: str | None) -> None:
    """Put another text into a file, or remove it."""
    file.unlink()
    if text is not None:
        file.write_text(text)


async def versions(reader: TritonReader) -> dict[tuple[str, int], VersionMessage]:
    """What a read finds, by model and version."""
    return {(one.model, one.version): one for one in (await reader.read(1)).versions}


async def test_a_ready_version_comes_with_its_documents(pid_file: Path) -> None:
    """A version that answers is ready, with Triton's metadata and config as they are."""
    reader = TritonReader(FakeUpstream(), FakeIndex(ready("m", 3)), FakeWatch(), pid_file)
    message = await reader.read(7)
    assert (message.revision, message.server_json) == (7, b"/v2")
    assert message.versions == [
        VersionMessage(
            model="m",
            version=3,
            loaded=True,
            ready=True,
            reason="",
            metadata_json=b"/v2/models/m/versions/3",
            config_json=b"/v2/models/m/versions/3/config",
        )
    ]


async def test_a_dead_stub_makes_its_version_not_ready(pid_file: Path) -> None:
    """Triton calls a model ready whose process has died: the process table knows better."""
    index = FakeIndex(ready("m", 1), ready("m", 2), ready("n", 1))
    watch = FakeWatch(Stub(1, "m", 1, dead=True), Stub(2, "m", 2, dead=False))
    found = await versions(TritonReader(FakeUpstream(), index, watch, pid_file))
    assert {key: one.ready for key, one in found.items()} == {
        ("m", 1): False,
        ("m", 2): True,
        ("n", 1): True,
    }
    assert found["m", 1].reason == "its Python process has died"
    assert found["m", 1].loaded


async def test_one_dead_instance_of_two_is_enough(pid_file: Path) -> None:
    """Triton goes on sending requests to the dead one, which hang: the version is not ready."""
    watch = FakeWatch(Stub(1, "m", 1, dead=False), Stub(2, "m", 1, dead=True))
    found = await versions(TritonReader(FakeUpstream(), FakeIndex(ready()), watch, pid_file))
    assert not found["m", 1].ready


async def test_a_version_comes_back_with_its_process(pid_file: Path) -> None:
    """Once the dead process is gone and a new one runs, the version is ready again."""
    watch = FakeWatch(Stub(1, "m", 1, dead=True))
    reader = TritonReader(FakeUpstream(), FakeIndex(ready()), watch, pid_file)
    assert not (await versions(reader))["m", 1].ready
    watch.stubs = [Stub(2, "m", 1, dead=False)]
    assert (await versions(reader))["m", 1].ready


async def test_a_process_that_is_left_of_an_earlier_load_says_nothing_of_a_later_one(
    pid_file: Path,
) -> None:
    """One that hung when its version was unloaded stays a zombie until tritonserver ends."""
    index = FakeIndex(ready("m", 1), unloaded("m", 2))
    left, new = Stub(1, "m", 2, dead=True), Stub(2, "m", 2, dead=False)
    watch = FakeWatch(left)
    reader = TritonReader(FakeUpstream(), index, watch, pid_file)
    await versions(reader)
    watch.stubs = [left, new]
    index.entries = [ready("m", 1), ready("m", 2)]
    assert (await versions(reader))["m", 2].ready
    watch.stubs = [left, Stub(2, "m", 2, dead=True)]
    assert not (await versions(reader))["m", 2].ready


async def test_what_was_never_loaded_is_left_out(pid_file: Path) -> None:
    """Triton has no documents of a version that never loaded; nobody can ask for it."""
    index = FakeIndex(unloaded("m", 1, "broken"), ready("n", 1))
    upstream = FakeUpstream()
    found = await versions(TritonReader(upstream, index, FakeWatch(), pid_file))
    assert set(found) == {("n", 1)}
    assert not any(path.startswith("/v2/models/m/") for path in upstream.asked)


async def test_what_was_unloaded_stays_with_its_reason(pid_file: Path) -> None:
    """A version that was there is known further on: not ready, and why."""
    index = FakeIndex(ready())
    reader = TritonReader(FakeUpstream(), index, FakeWatch(), pid_file)
    before = (await versions(reader))["m", 1]
    index.entries = [unloaded(reason="out of memory")]
    after = (await versions(reader))["m", 1]
    assert (after.loaded, after.ready, after.reason) == (False, False, "out of memory")
    assert after.config_json == before.config_json


async def test_documents_are_read_once_until_renewed(pid_file: Path) -> None:
    """A read asks for what is new; ``renew`` asks for everything, since a reload may change it."""
    upstream, index = FakeUpstream(), FakeIndex(ready("m", 1))
    reader = TritonReader(upstream, index, FakeWatch(), pid_file)
    config = "/v2/models/m/versions/1/config"
    await reader.read(0)
    await reader.read(0)
    assert upstream.asked.count(config) == 1
    reader.renew()
    await reader.read(0)
    assert upstream.asked.count(config) == 2


@pytest.mark.parametrize("text", [None, "", "soon"])
async def test_without_a_server_triton_is_away(pid_file: Path, text: str | None) -> None:
    """A pid file that is missing or half written means that no server runs."""
    replace(pid_file, text)
    reader = TritonReader(FakeUpstream(), FakeIndex(), FakeWatch(), pid_file)
    with pytest.raises(TritonAway, match="tritonserver is not running"):
        await reader.read(0)


async def test_an_external_triton_has_no_stubs_to_look_at() -> None:
    """On another machine there is no process table: Triton's word counts."""
    watch = FakeWatch(Stub(1, "m", 1, dead=True))
    found = await versions(TritonReader(FakeUpstream(), FakeIndex(ready()), watch, None))
    assert found["m", 1].ready


async def test_a_server_that_does_not_answer_is_away(pid_file: Path) -> None:
    """Half a state is none: a read is whole, or says that Triton is away."""
    upstream = FakeUpstream()
    upstream.statuses["/v2"] = 500
    reader = TritonReader(upstream, FakeIndex(ready()), FakeWatch(), pid_file)
    with pytest.raises(TritonAway, match="status 500"):
        await reader.read(0)
    upstream.statuses.clear()
    upstream.refuses = True
    with pytest.raises(TritonAway, match="nobody listens"):
        await reader.read(0)


@pytest.mark.parametrize(
    "path", ["/v2/models/a%3Fb/versions/1", "/v2/models/a%3Fb/versions/1/config"]
)
async def test_a_version_whose_documents_are_refused_costs_no_other(
    pid_file: Path, path: str
) -> None:
    """It is shown once they can be read, and goes on as it was where they could be before."""
    upstream = FakeUpstream()
    upstream.statuses[path] = 404
    index = FakeIndex(ready("a?b"), ready("m"))
    reader = TritonReader(upstream, index, FakeWatch(), pid_file)
    assert set(await versions(reader)) == {("m", 1)}
    upstream.statuses.clear()
    before = await versions(reader)
    assert set(before) == {("a?b", 1), ("m", 1)}
    upstream.statuses[path] = 400
    reader.renew()
    assert await versions(reader) == before
