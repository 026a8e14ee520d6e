"""Ctrl-C and SIGTERM stop a run within seconds; what was committed stays."""

import signal

import pytest
from sqlalchemy import NullPool, create_engine

from tests.cli.conftest import CANARY, end, wait_until

BEFORE_SLEEP = 15  # jumps, whose last checkpoint the run commits before it falls asleep


def _jumps(devlake) -> int:
    try:
        return devlake.rows("SELECT COUNT(*) FROM _raw_acrobat_jumps")[0][0]
    except Exception:
        return 0  # the table is not there yet


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_stops_at_the_next_record_and_goes_on_from_there(devlake, number):
    process = devlake.start("run", "acrobat", "slowly")
    wait_until(lambda: _jumps(devlake) >= 3, process)
    code, out, err = end(process, number)
    assert code == 128 + number, (out, err)
    assert "stopped by" in err
    assert "acrobat Slowly: stopped in " in out
    assert "failed" not in out
    assert "the next run goes on from there" in err
    assert "Traceback" not in err
    before = _jumps(devlake)
    assert before < 30
    (devlake.folder / "hurry").touch()
    done = devlake("run", "acrobat", "--json")
    assert done.json["records"] == 31 - before
    assert devlake.rows("SELECT COUNT(*) FROM issues") == [(30,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_plugin_that_waits_is_interrupted_after_a_grace(devlake, number):
    process = devlake.start("run", "acrobat", "asleep")
    wait_until(lambda: _jumps(devlake) == BEFORE_SLEEP, process)
    code, out, err = end(process, number)
    assert code == 128 + number, (out, err)
    assert devlake.rows("SELECT claim FROM _raw_acrobat__state WHERE stream = ''") == [(None,)]


def test_a_second_run_of_a_scope_names_the_first(devlake):
    process = devlake.start("run", "acrobat", "asleep")
    wait_until(lambda: _jumps(devlake) == BEFORE_SLEEP, process)
    done = devlake("run", "acrobat", "asleep", code=75)
    assert "scope 'Asleep' of acrobat (connection 'default') is being run by" in done.err
    assert f"process {process.pid} on " in done.err
    assert " since 20" in done.err
    assert "--wait" in done.err
    done = devlake("state", "reset", "acrobat", "--yes", code=75)
    assert "scope 'asleep' of acrobat (connection 1) is being run by process" in done.err
    assert end(process)[0] == 143
    assert devlake("run", "acrobat", "asleep", "--stream", "rests").code == 0


def test_a_killed_run_goes_on_where_it_was(devlake):
    process = devlake.start("run", "acrobat", "slowly")
    wait_until(lambda: _jumps(devlake) >= 3, process)
    process.kill()
    process.communicate()
    before = _jumps(devlake)
    (devlake.folder / "hurry").touch()
    done = devlake("run", "acrobat", "--json")
    assert done.json["records"] == 31 - before
    assert devlake.rows("SELECT COUNT(*) FROM issues") == [(30,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_look_at_a_tool_that_does_not_answer_is_interrupted(connected, tool, number):
    tool.open.clear()
    process = connected.start("scopes", "browse", "tracker")
    wait_until(lambda: "/groups" in tool.asked, process)
    code, out, err = end(process, number)
    tool.open.set()
    assert code == 128 + number, (out, err)
    assert "stopped by" in err
    assert "Traceback" not in err


LOCKS = {
    "postgresql": (
        "BEGIN; LOCK TABLE _tool_tracker_issues IN EXCLUSIVE MODE",
        "SELECT COUNT(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'",
    ),
    "mysql": (
        "LOCK TABLES _tool_tracker_issues READ",
        "SELECT COUNT(*) FROM information_schema.processlist "
        "WHERE db = DATABASE() AND state LIKE 'Waiting%%'",
    ),
}


@pytest.mark.parametrize("kind", list(LOCKS))
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_write_that_waits_for_a_lock_of_somebody_elses_is_given_up(
    devlake, tool, request, kind, number
):
    url = request.getfixturevalue(f"{kind}_url")
    devlake.environ.update(
        DEVLAKE_DB_URL=url, DEVLAKE_PLUGINS="tracker,company", ENCRYPTION_SECRET="s3"
    )
    devlake("migrate", "tracker")
    devlake("connections", "add", "tracker", "--name", "main", "--endpoint", tool.url,
            "--token-stdin", stdin=f"{CANARY}\n")  # fmt: skip
    devlake("run", "tracker", "b1")
    lock, waiting = LOCKS[kind]
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as other, engine.connect() as watching:
        other.exec_driver_sql(lock)
        process = devlake.start("run", "tracker", "b1", "--full-refresh")
        wait_until(lambda: watching.exec_driver_sql(waiting).scalar(), process)
        code, out, err = end(process, number)
    engine.dispose()
    assert code == 128 + number, (out, err)
    assert "tracker Board b1: stopped in " in out
    assert err.count("\n") == 2, err
    done = devlake("run", "tracker", "--json", code=None)
    with create_engine(url, poolclass=NullPool).connect() as found:
        bad = found.exec_driver_sql("SELECT verb, reason FROM _raw_tracker__quarantine").all()
    assert (done.code, bad) == (0, []), done.all
