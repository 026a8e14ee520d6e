"""Processes that are killed, hang, crash or leave things behind, in the service and without it."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.bridge.beside import COLD, Running, is_root, kill, state_of
from tests.bridge.gohost import HostDied
from tests.bridge.server import THINGS, connection, gone_after, in_time, runs, task, written
from tests.bridge.shims import CONFIG

NOBODY = 65534
GRACE = 1.0
as_root = pytest.mark.skipif(not is_root(), reason="only root may become another user")


@pytest.fixture(params=["warm", "cold"])
def env(request, lasting_shims):
    """Return the variables of calls that are warm, or cold; a warm keeper lives through it all."""
    if request.param == "cold":
        yield {**COLD, "DEVLAKE_GRACE_SECONDS": str(GRACE)}
        return
    lasting_shims.warm("unruly")
    keeper = state_of(lasting_shims, "unruly")["pid"]
    yield {"DEVLAKE_GRACE_SECONDS": str(GRACE)}
    assert state_of(lasting_shims, "unruly")["pid"] == keeper


@pytest.fixture
def collecting(lasting_shims, env, tmp_path):
    """Return a function that begins to collect, and returns the call and its worker."""
    calls = []

    def begin(behaviour, *rest):
        sign = tmp_path / f"sign{len(calls)}"
        context = task(tmp_path / "lake.db", " ".join([behaviour, *rest, str(sign)]))
        call = Running(lasting_shims, "unruly", "collect", CONFIG, context, '"things"', env=env)
        calls.append(call)
        return call, written(sign)

    yield begin
    for call in calls:
        if call.process.poll() is None:
            call.process.kill()
            call.end()


def collected(database):
    with sqlite3.connect(database) as lake:
        found = lake.execute("SELECT count(*) FROM _raw_unruly_things").fetchone()[0]
    lake.close()
    return found


def asked(shims, behaviour, env, **how):
    return shims.shim("unruly", "test-connection", CONFIG, connection(behaviour), env=env, **how)


@in_time
@pytest.mark.parametrize("behaviour", ["slow", pytest.param("stuck", marks=pytest.mark.slow)])
def test_p3_the_worker_of_a_killed_client_is_ended(
    collecting, lasting_shims, env, behaviour, tmp_path, slack
):
    call, worker = collecting(behaviour, *(["60"] if behaviour == "slow" else []))
    kill(call.pid)
    call.end()
    # The client's grace died with it: a worker that is stuck has that of the keeper.
    gone_after(worker, slack + (1.2 if behaviour == "slow" else 7))
    context = task(tmp_path / "lake.db")
    status, _, log, errors = lasting_shims.shim(
        "unruly", "collect", CONFIG, context, '"things"', env=env
    )
    assert status == 0, log + errors
    assert collected(tmp_path / "lake.db") >= THINGS


@in_time
def test_p4_a_killed_host_leaves_no_worker_and_the_next_run_is_right(server, tmp_path, slack):
    database = tmp_path / "lake.db"
    context = task(database, f"slow 60 {tmp_path / 'sign'}")
    request = server.begin(server.of("collect", context, "things"))
    worker = written(tmp_path / "sign")
    server.host.kill()
    begun = time.monotonic()
    # At once, as a server does that was restarted.
    again = Running(server.shims, "unruly", "collect", CONFIG, task(database), '"things"')
    gone_after(worker)
    assert time.monotonic() - begun <= 0.5 + slack
    with pytest.raises(HostDied):
        request.wait()
    status, _, log, errors = again.end()
    assert status == 0, log + errors
    assert collected(database) >= THINGS


@in_time
@pytest.mark.parametrize(
    ("behaviour", "seconds"), [("slow 60", 1.2), ("waits 60", 1.2), ("stuck", GRACE + 1.2)]
)
def test_p5_a_call_that_is_cancelled_ends_in_time(collecting, behaviour, seconds, tmp_path, slack):
    call, worker = collecting(behaviour)
    begun = time.monotonic()
    call.process.terminate()
    status, output, _, errors = call.end()
    assert time.monotonic() - begun <= seconds + slack
    assert status == 143
    assert output.endswith('{"current":"cancelled"}\n')
    assert "stopped by the host" in errors
    assert not runs(worker)
    # Nothing holds the database.
    with sqlite3.connect(tmp_path / "lake.db", timeout=0) as lake:
        lake.execute("CREATE TABLE free (x)")
    lake.close()


@in_time
def test_p5_a_call_that_waits_for_the_database_ends_in_time(lasting_shims, env, tmp_path, slack):
    database = tmp_path / "lake.db"
    words = ("unruly", "collect", CONFIG, task(database), '"things"')
    assert lasting_shims.shim(*words, env=env)[0] == 0
    lake = sqlite3.connect(database, isolation_level=None)
    lake.execute("BEGIN IMMEDIATE")
    try:
        call = Running(lasting_shims, *words, env=env)
        time.sleep(1.5 if env.get("DEVLAKE_DAEMON") is None else 4)
        assert call.process.poll() is None
        begun = time.monotonic()
        call.process.terminate()
        status, *_ = call.end()
        assert time.monotonic() - begun <= GRACE + 1.2 + slack
    finally:
        lake.close()
    assert status == 143


def test_p7_a_crash_is_named_and_hurts_no_other_call(lasting_shims, env):
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(asked, lasting_shims, "good", env) for _ in range(3)]
        status, _, _, errors = asked(lasting_shims, "crashes", env)
        assert [other.result()[0] for other in others] == [0, 0, 0]
    assert status == 139
    assert "unruly test-connection: its process died of SIGSEGV" in errors


def test_p7_a_signal_without_a_name_is_told_by_its_number(lasting_shims, env):
    status, _, _, errors = asked(lasting_shims, "killed 40", env)
    assert status == 168
    assert "unruly test-connection: its process died of signal 40" in errors


def test_p8_no_memory_is_an_error_that_may_pass(lasting_shims, env):
    status, _, _, errors = asked(lasting_shims, "eats", env)
    assert status == 75, errors
    assert "there is not enough memory for unruly" in errors


def test_p8_a_killed_worker_is_explained(lasting_shims, env):
    status, _, _, errors = asked(lasting_shims, "killed", env)
    assert status == 137
    assert "killed, probably out of memory" in errors


@pytest.mark.parametrize("how", ["_exit", "exit", "quit"])
def test_p9_a_plugin_that_exits_has_not_succeeded(lasting_shims, env, how):
    status, output, _, errors = asked(lasting_shims, f"leaves {how}", env)
    assert status == 1
    assert output == ""
    assert "exited without completing" in errors


def test_p10_what_a_plugin_started_ends_with_the_call(lasting_shims, env, tmp_path):
    status, _, log, errors = asked(lasting_shims, f"forks {tmp_path / 'child'}", env)
    assert status == 0, errors
    gone_after(int((tmp_path / "child").read_text()))
    assert "unruly left 1 thread running" in log
    assert "left running was ended" in log
    if not env.keys() & COLD.keys():
        keeper = state_of(lasting_shims, "unruly")["pid"]
        assert len(os.listdir(f"/proc/{keeper}/task")) == 1


CLIENT = """
import _blake2, os, resource, sys
from devlake_core.bridge.entry import main
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
os.setuid(int(sys.argv[1]))
main(sys.argv[2:])
"""
KEEPER = """
import os, resource, socket, sys
from devlake_core.bridge import keeper, wire
ours, theirs = socket.socketpair()
out, out_end = os.pipe()
call = dict(do="call", plugin="x", method="collect", path="", folder="/", umask=0)
wire.send(ours, {**call, "arguments": [], "environment": {}}, (out_end, out_end))
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
os.setuid(int(sys.argv[1]))
keeper.Keeper(print).serve_one(theirs)
print(ours.makefile().read())
"""


@as_root
def test_p12_a_client_that_cannot_fork_says_so(lasting_shims):
    # The limit does not hold for root.
    call = Running(
        lasting_shims,
        "unruly",
        "test-connection",
        CONFIG,
        connection(),
        env=COLD,
        command=[sys.executable, "-c", CLIENT, str(NOBODY), "."],
    )
    status, output, _, errors = call.end()
    assert (status, output) == (75, ""), errors
    assert "the call cannot be started: Resource temporarily unavailable" in errors


@as_root
def test_p12_a_keeper_that_cannot_fork_says_so():
    command = [sys.executable, "-c", KEEPER, str(NOBODY)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert '{"refused": "Resource temporarily unavailable"}' in done.stdout


def fewer_files(number):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def test_p13_few_descriptors_are_enough(lasting_shims, env, tmp_path):
    words = ("collect", CONFIG, task(tmp_path / "lake.db"), '"things"')
    call = Running(lasting_shims, "unruly", *words, env=env, prepare=fewer_files(32))
    status, _, log, errors = call.end()
    assert status == 0, log + errors


def test_p13_too_few_descriptors_are_a_clear_error(lasting_shims):
    found = json.loads((lasting_shims.folder / "runner.json").read_text())
    # Without the shell of the shim, which needs more.
    call = Running(
        lasting_shims,
        "unruly",
        "test-connection",
        CONFIG,
        connection(),
        env=COLD,
        command=[found["interpreter"], "-I", "-S", found["client"], "."],
        prepare=fewer_files(6),
    )
    status, output, _, errors = call.end()
    assert (status, output) == (75, ""), errors
    assert "Too many open files" in errors
