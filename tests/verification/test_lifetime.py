"""However a verification ends, nothing of it stays; and it takes nothing from others."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from control.core.canary_policy import VerificationPolicy
from control.runtime import InnerPaths
from control.verification.job import read_report, write_job
from tests.support.stack import ROOT, wait_until
from tests.verification.drops import Drop, code, leftovers, processes, running

pytestmark = pytest.mark.triton

#: Neither ends by itself nor hears anything.
HUNG = {"model.py": code(initialize="os.setsid()\nctypes.PyDLL(None).sleep(1000000)")}

#: A process that tells its own autogroup, if it has one.
AUTOGROUP = """
import pathlib
file = pathlib.Path("/proc/self/autogroup")
print(file.read_text() if file.exists() else "", end="")
"""


@pytest.fixture
def hung(tmp_path: Path) -> Drop:
    """A version that hangs in initialize, in a session of its own."""
    return Drop(tmp_path, files=HUNG, policy=VerificationPolicy(load_timeout_s=600))


def mark(drop: Drop) -> str:
    """What its processes have in their command lines."""
    return InnerPaths(drop.scratch).shared_memory_prefix


def hanging(drop: Drop) -> list[int]:
    """The stubs of the version that hang, by their working on its file."""
    place = "/double/2/model.py"
    return [pid for pid in processes(mark(drop)) if place in command(pid)]


def command(pid: int) -> str:
    """A process's command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def test_sigterm_ends_it_and_all_that_it_has_started(hung: Drop) -> None:
    """Also processes that have left its session, and the report says what happened."""
    with running(hung.job()) as process:
        wait_until(lambda: hanging(hung), "the version hangs")
        process.terminate()
        assert process.wait(20) == 1
    assert leftovers(hung.scratch) == []
    report = read_report(hung.report)
    assert (report.verdict, report.reason) == ("undecided", "it was stopped")


def test_it_ends_where_who_began_it_has_ended_before_it_came_up(hung: Drop) -> None:
    """Others wait for their turn until it has ended."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    with running(hung.job(), "--parent", str(gone.pid)) as process:
        assert process.wait(20) == 1
    assert leftovers(hung.scratch) == []
    assert read_report(hung.report).reason == "it was stopped"


def test_sigkill_leaves_no_process(tmp_path: Path) -> None:
    """What it has started does not outlive it, and the next verification removes the rest."""
    hangs = code(initialize="ctypes.PyDLL(None).sleep(1000000)")
    drop = Drop(tmp_path, files={"model.py": hangs}, policy=VerificationPolicy(load_timeout_s=600))
    job = drop.job()
    with running(job) as process:
        wait_until(lambda: hanging(drop), "the version hangs")
        process.kill()
        process.wait()
    wait_until(lambda: not processes(mark(drop)), "no process is left")
    (drop.staged / "model.py").write_text(code())
    with running(job) as process:
        assert process.wait(60) == 0
    assert read_report(drop.report).verdict == "good"
    assert leftovers(drop.scratch) == []


def test_it_ends_with_its_parent(hung: Drop) -> None:
    """A controller that is killed leaves no verification behind."""
    file = hung.root / "job.json"
    write_job(hung.job(), file)
    script = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"
    arguments = ["-m", "control.verification.process", "--job", str(file)]
    parent = subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT)
    try:
        wait_until(lambda: hanging(hung), "the version hangs")
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: leftovers(hung.scratch) == [], "nothing is left")


def test_it_gives_way_to_everybody_else(hung: Drop) -> None:
    """Its server runs when no other wants to, not on all cores, and dies first of short memory."""
    ours = os.sched_getaffinity(0)
    with running(hung.job()) as process:
        wait_until(lambda: hanging(hung), "the version hangs")
        servers = processes(mark(hung))
        assert {scheduler for pid in servers for scheduler in schedulers(pid)} == {os.SCHED_IDLE}
        assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH
        for pid in (process.pid, *servers):
            assert os.getpriority(os.PRIO_PROCESS, pid) == 19
            assert os.sched_getaffinity(pid) < ours or len(ours) == 1
            assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def schedulers(pid: int) -> list[int]:
    """How each thread of a process gets a processor."""
    return [os.sched_getscheduler(int(one.name)) for one in Path(f"/proc/{pid}/task").iterdir()]


def test_begun_again_its_server_gets_a_little(hung: Drop) -> None:
    """Else it would be starved as before; nobody needs a privilege for that."""
    with running(hung.job(), "--again-since", str(time.monotonic())) as process:
        wait_until(lambda: hanging(hung), "the version hangs")
        for pid in (process.pid, *processes(mark(hung))):
            assert os.SCHED_IDLE not in schedulers(pid)
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_its_sessions_yield_to_those_of_others(hung: Drop) -> None:
    """Linux may share the processors among sessions, whatever the priorities in them."""
    ours = autogroup(os.getpid())
    with running(hung.job()) as process:
        wait_until(lambda: hanging(hung), "the version hangs")
        servers = set(processes(mark(hung))) - set(hanging(hung))
        groups = [autogroup(pid) for pid in (process.pid, *servers)]
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert {nice_of(group) for group in groups} == {"19" if sessions_share() else ""}
    assert autogroup(os.getpid()) == ours
    assert ours not in groups or not sessions_share()


def autogroup(pid: int) -> str:
    """What shares the processors with others, as ``/autogroup-1 nice 0`` says.

    Nothing for a session as old as the machine, as a container's or CI's first may be, and where
    the kernel shares the processors among processes.
    """
    try:
        return Path(f"/proc/{pid}/autogroup").read_text()
    except FileNotFoundError:
        return ""


def nice_of(group: str) -> str:
    """The niceness in what :func:`autogroup` returns."""
    return group.strip().rpartition(" ")[2]


def sessions_share() -> bool:
    """Whether the kernel gives each new session a share of the processors."""
    told = subprocess.run(
        [sys.executable, "-c", AUTOGROUP], start_new_session=True, check=True, capture_output=True
    )
    return told.stdout != b""


def test_it_does_not_go_on_for_ever(hung: Drop) -> None:
    """The whole has a limit of its own; that says nothing of the version."""
    hung.timeout_s = 4.0
    report = hung.verify()
    assert (report.verdict, report.reason) == (
        "undecided",
        "not verified within 4 s: stopped at load",
    )


def test_a_file_that_holds_its_reader_holds_nobody_else(tmp_path: Path) -> None:
    """Neither the version's judgement, where it is no file; nor the end, whatever it is."""
    drop = Drop(tmp_path, golden=None)
    job = drop.job()
    os.mkfifo(drop.source / "golden.json")
    with running(job) as process:
        assert process.wait(60) == 0
    report = read_report(drop.report)
    assert (report.verdict, report.reason) == ("bad", "golden.json: is no file")


def test_a_thread_that_hangs_keeps_no_report_back(tmp_path: Path) -> None:
    """The process ends without it."""
    drop = Drop(tmp_path, timeout_s=2.0)
    file = tmp_path / "job.json"
    write_job(drop.job(), file)
    hang = "import time; from control.verification import run, process"
    hang += "; run.copy_version = lambda *_: time.sleep(1000); process.main()"
    command = [sys.executable, "-c", hang, "--job", str(file)]
    assert subprocess.run(command, cwd=ROOT, timeout=30, check=False).returncode == 1
    assert read_report(drop.report).reason == "not verified within 2 s: stopped at files"


def test_a_version_that_is_never_let_run_is_tried_once_more(tmp_path: Path) -> None:
    """By the same process begun anew, with a share of the processors, and no more time in all."""
    drop = Drop(tmp_path)
    file = tmp_path / "job.json"
    write_job(drop.job(), file)
    starve = """if True:
        import asyncio, os, sys
        from control.verification import process
        from control.verification.verdicts import Starved
        async def verify(job, began_s, *, is_again):
            print(os.getpid(), began_s, is_again, len(os.sched_getaffinity(0)), flush=True)
            raise Starved("it was not let run")
        process.verify = verify
        sys.exit(process.main())
    """
    command = [sys.executable, "-c", starve, "--job", str(file)]
    done = subprocess.run(command, cwd=ROOT, timeout=60, check=False, capture_output=True)
    first, second = (line.split() for line in done.stdout.decode().splitlines())
    assert [first[2], second[2]] == ["False", "True"]
    assert [*first[:2], first[3]] == [*second[:2], second[3]]
    report = read_report(drop.report)
    assert (report.verdict, report.reason) == ("undecided", "it was not let run")
    assert report.is_hindered


def test_a_job_that_cannot_be_read_is_refused(
    tmp_path: Path,
) -> None:
    """With what is wrong in it, and without a report."""
    file = tmp_path / "job.json"
    file.write_text('{"model": "double", "version": "two"}')
    command = [sys.executable, "-m", "control.verification.process", "--job", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Expected `int`, got `str` - at `$.version`" in done.stderr
