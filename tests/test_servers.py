"""The databases that other tests stand on: empty at the start, gone at the end."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.servers.run import ROOT, VARIABLE


@pytest.mark.parametrize("again", [1, 2])
def test_each_test_gets_an_empty_database(db_url, again):
    engine = sa.create_engine(db_url, poolclass=sa.NullPool)
    assert sa.inspect(engine).get_table_names() == []
    sa.Table("left_behind", sa.MetaData(), sa.Column("id", sa.Integer)).create(engine)


def test_servers_do_not_run_on_utc(postgresql_url, mysql_url):
    for url, query in ((postgresql_url, "SHOW timezone"), (mysql_url, "SELECT @@time_zone")):
        with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
            assert "05:45" in str(connection.execute(sa.text(query)).scalar())


def test_secrets_of_the_developer_do_not_reach_a_test():
    assert not {"DB_URL", "DEVLAKE_DB_URL", "ENCRYPTION_SECRET"} & os.environ.keys()
    assert not list(Path.home().iterdir())


RUN = """
import time
from tests.servers.run import Run, database

run = Run()
with database("postgresql"), database("mysql"):
    print(run.folder, flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_killed_run_leaves_no_server_behind(postgresql_url, mysql_url):
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    with subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as run:
        try:
            folder = Path(run.stdout.readline().strip())
            answers = [json.loads(path.read_text()) for path in folder.glob("*/answer.json")]
            pids = [answer["pid"] for answer in answers]
            assert len(pids) == 2
            assert all(map(alive, pids))
        finally:
            run.kill()
    assert wait_for(lambda: not any(map(alive, pids)), 100)
    assert wait_for(lambda: not folder.exists(), 100)
