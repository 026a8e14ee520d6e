"""Two runs of one scope exclude each other, and a late one that was taken over writes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from devlake_core.errors import ScopeBusy
from tests.faults import world
from tests.faults.test_kill import differences
from tests.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.conftest import Sea

PARAMS = '{"ConnectionId":2,"ScopeId":"b"}'


@pytest.fixture
def stopped(sea: Sea) -> Iterator[int]:
    """Return the process of a run that stopped itself in the middle of its first stream."""
    answer = sea.run(2, 1, stop_in="collect issues")
    assert answer["code"] is None
    yield answer["pid"]
    if alive(answer["pid"]):
        sea.zygote.signal(answer["pid"], signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def take_the_lock_away(sea: Sea) -> None:
    """Do what a server does that lost the holder, or another host that saw its lease end."""
    digest = hashlib.sha256(f"{sea.store.url.database}\0world\0{PARAMS}".encode()).digest()
    with sea.store.transaction() as connection:
        if sea.store.dialect == "sqlite":
            holder = json.dumps({"host": "elsewhere", "pid": 1, "start": "", "since": ""})
            connection.execute(
                text(
                    "UPDATE _raw_world__state SET holder = :h, updated_at = '2020-01-01 00:00:00' "
                    "WHERE stream = ''"
                ),
                {"h": holder},
            )
        elif sea.store.dialect == "postgresql":
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = "
                    "current_database())"
                )
            )
        else:
            name = {"n": "devlake:" + digest.hex()[:48]}
            session = connection.execute(text("SELECT IS_USED_LOCK(:n)"), name).scalar()
            connection.exec_driver_sql(f"KILL {int(session)}")


def test_second_run_is_refused_and_told_who_runs_and_since_when(sea: Sea, stopped: int) -> None:
    answer = sea.run(2, 1, fails=True)
    assert answer["error"].startswith("ScopeBusy")
    assert f"process {stopped} on " in answer["error"]
    assert " since 20" in answer["error"]
    # Another scope is free.
    assert sea.run(3, 1)["code"] == 0


def test_lock_is_free_as_soon_as_its_holder_is_killed(sea: Sea, stopped: int) -> None:
    assert sea.zygote.signal(stopped, signal.SIGKILL)["code"] == -9
    # The server has to notice first.
    wait = 0 if sea.store.dialect == "sqlite" else 100
    assert sea.run(2, 1, options={"wait": wait})["code"] == 0


def test_zombie_that_was_taken_over_is_fenced_at_its_next_commit(sea: Sea, stopped: int) -> None:
    sea.run(1, 1)
    take_the_lock_away(sea)
    assert sea.run(2, 1)["code"] == 0
    woken = sea.zygote.signal(stopped, signal.SIGCONT)
    assert woken["code"] == 9
    assert woken["error"].startswith("Fenced: another run took scope"), woken
    assert differences(sea.dump(2), sea.dump(1)) == []


@pytest.fixture
def lake(db_url: str) -> Iterator[Lake]:
    made = Lake(db_url, "world", world.STREAMS, world.Board)
    yield made
    made.store.close()


def test_busy_scope_is_a_matter_of_trying_later(lake: Lake) -> None:
    running = world.Issues("world")
    from devlake_core.subtask import collect

    ctx = lake.context(phase=1, size=2000)
    first = collect(ctx, running)
    next(first)
    with pytest.raises(ScopeBusy) as caught:
        lake.run(phase=1, size=10)
    assert caught.value.exit_code == 75
    assert f"process {os.getpid()} on" in str(caught.value)
    first.close()
    lake.run(phase=1, size=10)
