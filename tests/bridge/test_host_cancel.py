"""A call ends when the server cancels it, and when the server is gone."""

import logging
import sqlite3
from contextlib import closing

import pytest

from tests.bridge.gohost import GoHost
from tests.bridge.server import THINGS, Server, gone_after, in_time, task, written

# And 1.2 s after the grace: of these, a second is the server's, which looks at a cancel only when
# a line comes.
BAR = 1.2

log = logging.getLogger(__name__)


def begun(server, database, behaviour, note, **options):
    """Start a subtask that signs; return the request, and the numbers of its processes."""
    request = server.begin(
        server.of("collect", task(database, f"{behaviour} {note}"), "things"),
        follow=True,
        **options,
    )
    worker = written(note)
    return request, request.until("started")["pid"], worker


def cancelled(server, request, client, worker, limit):
    """Cancel a request; return how many milliseconds the server had to wait."""
    request.cancel()
    outcome = request.one()
    assert "cannot unmarshal string" in outcome.error
    assert outcome.lines[-1] == {"current": "cancelled"}
    (took,) = outcome.after_cancel_ms
    gone_after(client)
    gone_after(worker)
    log.info("%s, %s: %.0f ms", server.mode, limit, took)
    assert took < limit * 1000
    return took


@pytest.mark.parametrize("behaviour", ["slow 60", "waits 60"])
@in_time
def test_p5_a_cooperative_call_ends_at_once(server, tmp_path, behaviour, slack):
    """While records come, and while it waits because the tool told to; the next run goes on."""
    parts = begun(server, tmp_path / "x.db", behaviour, tmp_path / "note")
    cancelled(server, *parts, BAR + slack)
    again = server.call("collect", task(tmp_path / "x.db"), "things")
    assert again.ok, again


@in_time
def test_p5_a_stuck_call_is_killed_after_the_grace(server, tmp_path, slack):
    grace = 1
    parts = begun(
        server, tmp_path / "x.db", "stuck", tmp_path / "note", env={"DEVLAKE_GRACE_SECONDS": "1"}
    )
    took = cancelled(server, *parts, grace + BAR + slack)
    assert took > grace * 1000
    again = server.call("collect", task(tmp_path / "x.db"), "things")
    assert again.ok, again


def test_p5_a_host_that_waits_is_told_that_it_was_stopped(server, tmp_path):
    request, *_ = begun(server, tmp_path / "x.db", "slow 60", tmp_path / "note", safe=True)
    request.cancel()
    outcome = request.one()
    assert (outcome.status, outcome.category) == (143, "cancelled")
    assert "unruly collect: stopped by the host" in outcome.stderr


def test_p6_after_the_first_cancel_of_a_plugin_the_server_sends_no_other(server, tmp_path):
    """That is the server's, and remains so until it is started again: the run completes."""
    parts = begun(server, tmp_path / "x.db", "slow 60", tmp_path / "note", host="one")
    cancelled(server, *parts, BAR + 25)
    for number in server.few([2, 3]):
        note = tmp_path / f"note{number}"
        request, *_ = begun(server, tmp_path / "x.db", "slow 1.5", note, host="one")
        request.cancel()
        outcome = request.one()
        assert outcome.ok, outcome
        told = [line for line in outcome.lines if line]
        assert told[-1]["current"] == 150 + THINGS
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("behaviour", ["slow 60", "waits 60"])
def test_p4_a_killed_server_takes_its_calls_with_it(server, go_binary, tmp_path, behaviour):
    """And the next one goes on with the scope at once."""
    host = GoHost(go_binary)
    first = Server(host, server.shims, server.mode)
    _, client, worker = begun(first, tmp_path / "x.db", behaviour, tmp_path / "note")
    host.kill()
    took = gone_after(worker)
    gone_after(client)
    host.close()
    log.info("%s, %s: %.0f ms", server.mode, behaviour, took * 1000)
    again = server.call("collect", task(tmp_path / "x.db"), "things")
    assert again.ok, again
    assert [line for line in again.lines if line][-1]["current"] == THINGS
