"""A worker is killed at each kind of place of a batch, warm and cold, and called again."""

import sqlite3
from contextlib import closing

import pytest

from tests.bridge.server import THINGS, task

MANY = 4_000
"""Enough for several batches."""
POINTS = ["commit.before=2", "commit.within=2", "commit.after=2", "call.end=1"]


def dump(database):
    """Return what a run leaves, without what tells one run from another."""
    wanted = {
        "raw": "SELECT DISTINCT params, data FROM _raw_unruly_things",
        "tool": "SELECT connection_id, id, title, _raw_data_params FROM _tool_unruly_things",
        "state": "SELECT count(*) FROM _raw_unruly__state",
    }
    with closing(sqlite3.connect(database)) as connection:
        return {name: sorted(connection.execute(query)) for name, query in wanted.items()}


@pytest.fixture(scope="module")
def undisturbed(lasting_shims, tmp_path_factory):
    """What collect and extract leave when nobody harms them."""
    database = tmp_path_factory.mktemp("undisturbed") / "lake.db"
    for verb in ("collect", "extract"):
        status, *_, said = lasting_shims.shim(
            "unruly", verb, {}, task(database, f"many {MANY}"), "things"
        )
        assert status == 0, said
    found = dump(database)
    assert len(found["tool"]) == MANY + THINGS
    return found


@pytest.mark.parametrize("verb", ["collect", "extract"])
@pytest.mark.parametrize("point", POINTS)
def test_p1_a_worker_killed_in_a_batch_is_told_of_and_loses_nothing(
    server, tmp_path, undisturbed, verb, point
):
    database = tmp_path / "lake.db"
    about = task(database, f"many {MANY}")
    for each in ("collect", "extract"):
        if each == verb:
            env = {"DEVLAKE_FAILPOINTS": f"{point}:kill9"}
            killed = server.call(each, about, "things", env=env)
            assert (killed.ok, killed.status) == (False, 137), killed
            assert "died of SIGKILL" in killed.stderr
        again = server.call(each, about, "things")
        assert again.ok, again.error
    assert dump(database) == undisturbed
