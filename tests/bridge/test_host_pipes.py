"""Rows H of the fault table: too much on a pipe, a host that reads no more, no host at all."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from devlake_core.bridge.pipes import Pipe
from tests.bridge.server import THINGS, connection, gone_after, task, written
from tests.bridge.shims import CONFIG, UNRULY

SIZES = [5_000, 70_000, 6_000_000]
LONGEST_LOG = 16 << 10
PATIENCE = {"DEVLAKE_HOST_SECONDS": "3"}


def test_h3_a_long_line_of_the_log_is_cut(server):
    for size in server.few(SIZES):
        outcome = server.call("test-connection", connection(f"says {size}"), log=True)
        assert outcome.ok, outcome.error
        (line,) = [entry["text"] for entry in outcome.log if "xxx" in entry["text"]]
        kept = min(size, LONGEST_LOG)
        assert line == "x" * kept + (" ... (cut)" if size > kept else "")


def test_h3_a_long_line_of_the_errors_is_cut(server):
    for size in server.few(SIZES):
        outcome = server.call("test-connection", connection(f"complains {size}"), log=True)
        assert outcome.ok, outcome.error
        (line,) = [entry for entry in outcome.log if "yyy" in entry["text"]]
        assert line["level"] == "ERROR"
        assert len(line["text"]) <= LONGEST_LOG + 20
        assert line["text"].endswith(" ... (cut)") == (size > LONGEST_LOG)


def test_h3_a_long_scope_arrives_whole(server):
    for size in server.few(SIZES[:2]):
        outcome = server.call("remote-scopes", connection(), str(size))
        assert outcome.ok, outcome.error
        assert [len(line["name"]) for line in outcome.lines] == [size] * 3


def test_h3_a_scope_that_the_server_cannot_read_is_an_error(server):
    outcome = server.call("remote-scopes", connection(), str(SIZES[-1]), timeout_ms=100_000)
    assert not outcome.hung
    assert outcome.status not in {0, 70}
    assert "DevLake's server reads 4,194,304 at once" in outcome.stderr
    assert outcome.lines == []


def test_h3_a_document_of_any_size_comes_in_pieces(server):
    scope = {"id": "a", "name": "a", "connectionId": 1}
    outcome = server.call("make-pipeline", [[scope, None]], connection("swells 8"))
    assert outcome.ok, outcome.error
    (((item,),),) = (outcome.output["plan"],)
    assert [len(text) for text in item["options"]["texts"]] == [1 << 20] * 8


def rows_of(database):
    """Return the raw records that are committed, and check that nobody holds a lock."""
    with closing(sqlite3.connect(database, timeout=0.1, isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")
        (number,) = store.execute("SELECT count(*) FROM _raw_unruly_things").fetchone()
        store.execute("ROLLBACK")
    return number


def test_h4_results_that_nobody_reads_end_a_call(server):
    begun = time.monotonic()
    outcome = server.call("remote-scopes", connection(), "200000", stop={3: 0}, env=PATIENCE)
    assert (outcome.status, outcome.category) == (74, "host")
    assert "does not read" in outcome.stderr
    assert time.monotonic() - begun < 60


def test_h4_progress_that_nobody_reads_keeps_what_is_committed(server, tmp_path):
    outcome = server.call("collect", task(tmp_path / "x.db"), "things", stop={3: 0}, env=PATIENCE)
    assert outcome.status == 74
    assert rows_of(tmp_path / "x.db") == THINGS
    again = server.call("extract", task(tmp_path / "x.db"), "things")
    assert again.ok, again


@pytest.mark.parametrize("descriptor", [1, 2])
def test_h4_a_log_that_nobody_reads_costs_lines_only(server, descriptor):
    behaviour = {1: "says 3000000", 2: "complains 3000000"}[descriptor]
    outcome = server.call(
        "remote-scopes", connection(behaviour), "200000", stop={descriptor: 0}, env=PATIENCE
    )
    assert outcome.ok, outcome
    assert [len(line["name"]) for line in outcome.lines] == [200_000] * 3


def test_h4_errors_that_nobody_reads_do_not_hold_a_failed_call(server):
    outcome = server.call(
        "test-connection", connection("logs 150"), stop={2: 0}, env=PATIENCE, timeout_ms=100_000
    )
    assert (outcome.hung, outcome.status) == (False, 1)


def test_h5_a_host_that_closes_its_results_ends_the_call(server, tmp_path):
    note = tmp_path / "note"
    context = task(tmp_path / "x.db", f"slow 60 {note}")
    first_sign_of_life = len(b"{}\n")
    outcome = server.call("collect", context, "things", close={3: first_sign_of_life})
    assert (outcome.status, outcome.category, outcome.lines) == (74, "host", [{}])
    # A cold call may have been stopped before it came to the plugin.
    assert server.mode == "cold" or note.exists()
    if note.exists():
        gone_after(written(note))


def test_h5_a_host_that_never_listened_ends_the_call(server):
    outcome = server.call("test-connection", connection("slow 60"), close={3: 0})
    assert (outcome.status, outcome.category) == (74, "host")


def by_hand(server, *words, **options):
    """Call a shim as a person does at a shell."""
    env = {**server.shims.env, **{k: v for k, v in server.env.items() if v is not None}}
    return subprocess.run(
        ["./run.sh", *words],
        cwd=server.shims.folder / "unruly",
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


WORDS = ("test-connection", json.dumps(CONFIG), json.dumps(connection("prints")))


def test_h6_without_descriptor_3_results_are_on_stdout(server):
    done = by_hand(server, *WORDS)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["success"] is True
    assert "printed ***" in done.stderr


def test_h6_a_file_at_descriptor_3_is_left_alone(server, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.write_text("mine")
    with foreign.open("r+") as file:
        number = file.fileno()
        done = by_hand(server, *WORDS, preexec_fn=lambda: os.dup2(number, 3), pass_fds=(3,))
    assert foreign.read_text() == "mine"
    assert json.loads(done.stdout)["success"] is True


def test_h6_a_failure_by_hand_is_told_on_stderr(server):
    done = by_hand(server, *WORDS[:2], json.dumps(connection("fails")))
    assert (done.returncode, done.stdout) == (1, "")
    assert "no luck with ***" in done.stderr


def test_h6_a_main_py_needs_no_standard_input(lasting_shims):
    done = subprocess.run(
        [sys.executable, str(UNRULY), *WORDS],
        env=lasting_shims.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: os.close(0),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["success"] is True


def test_h6_a_pipe_that_others_have_filled_is_not_taken_for_closed():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with open(reader, "rb"), open(writer, "wb", 0) as full:
        while full.write(b"x" * 4096):
            continue
        pipe = Pipe(writer)
        pipe.add(b"y")
        pipe.pump()
        assert (pipe.gone, bytes(pipe.queue)) == (False, b"y")
