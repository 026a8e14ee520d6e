"""`--jobs N`: the same output and tables, and a worker that dies takes no other with it."""

import os
import re
import signal
import sqlite3

import pytest

from tests.cli.conftest import Devlake, end, wait_until

SCOPES = ["one", "two", "three"]


def without_times(text: str) -> str:
    return re.sub(r"\d+\.\d s", "_ s", text)


def test_two_jobs_at_once_give_the_output_and_the_tables_of_one(devlake, site, tmp_path):
    other = tmp_path / "there"
    other.mkdir()
    alone = devlake("run", "acrobat", *SCOPES, "--jobs", "1")
    apart = Devlake(other, site)
    together = apart("run", "acrobat", *SCOPES, "--jobs", "2")
    assert without_times(together.out) == without_times(alone.out)
    assert apart.dump() == devlake.dump()
    assert len(apart.dump()["_tool_acrobat_jumps"]) == 90


@pytest.mark.parametrize(
    ("scope", "code", "words"),
    [
        ("segv", 139, "died of SIGSEGV: it crashed in collect jumps"),
        ("killed", 137, "died of SIGKILL: killed, probably out of memory in collect jumps"),
        ("vanish", 3, "left with status 0 before it was done in collect jumps"),
        ("raise", 3, "collect jumps: ValueError: the rope broke"),
    ],
)
def test_a_dead_worker_is_named_and_the_others_finish(devlake, scope, code, words):
    done = devlake("run", "acrobat", "one", scope, "two", "--jobs", "2", code=code)
    assert words in done.err
    assert f"acrobat {scope.title()}: failed" in done.out
    assert "all: 2 of 3 done, 1 failed" in done.out
    assert devlake.rows("SELECT trick, COUNT(*) FROM _tool_acrobat_jumps GROUP BY 1") == [
        ("one", 30),
        ("two", 30),
    ]


def test_what_a_plugin_started_ends_with_its_job(devlake):
    devlake("run", "acrobat", "orphan", "one", "--jobs", "2")
    left = [
        pid
        for pid in filter(str.isdigit, os.listdir("/proc"))
        if b"time.sleep(600)" in _words(pid) and _folder(pid) == str(devlake.folder)
    ]
    assert left == []


def _words(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _folder(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def _workers(devlake) -> list[str]:
    return [
        pid
        for pid in filter(str.isdigit, os.listdir("/proc"))
        if b"devlake_core.runner.worker" in _words(pid) and _folder(pid) == str(devlake.folder)
    ]


def _jumps(devlake) -> tuple[int, ...]:
    """Return how many jumps are committed of each of two scopes."""
    query = "SELECT COUNT(*) FROM _raw_acrobat_jumps WHERE params LIKE ?"
    try:
        return tuple(devlake.rows(query, f'%-{n}"%')[0][0] for n in (1, 2))
    except sqlite3.OperationalError:
        return (0, 0)  # the table is not there yet


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_workers(devlake, number):
    devlake("run", "acrobat", "slowly-1", "slowly-2", "--stream", "rests")
    process = devlake.start("run", "acrobat", "--jobs", "2")
    wait_until(lambda: len(_workers(devlake)) == 2 and min(_jumps(devlake)) > 0, process)
    code, out, err = end(process, number)
    assert code == 128 + number, (out, err)
    assert _workers(devlake) == []
    assert err.count("stopped by") == 2
    assert "all: 0 of 2 done, 2 stopped, " in out
    assert "Traceback" not in err


def test_workers_end_when_the_command_was_killed(devlake):
    devlake("run", "acrobat", "asleep-1", "asleep-2", "--stream", "rests")
    process = devlake.start("run", "acrobat", "--jobs", "2")
    wait_until(lambda: _jumps(devlake) == (15, 15), process)
    assert len(_workers(devlake)) == 2
    process.kill()
    process.communicate()
    wait_until(lambda: _workers(devlake) == [])
