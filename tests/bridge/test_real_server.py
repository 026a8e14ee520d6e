"""A plugin written for pydevlake, as DevLake's server treats it from its start to a scope's end."""

import os
from pathlib import Path

import pytest

from tests.bridge.lake import Lake
from tests.bridge.shims import synced

# Another main.py of the same plugin can be tried, such as the server's own.
FAKE = Path(
    os.environ.get("FAKE_PLUGIN")
    or Path(__file__).parents[2] / "contrib/pydevlake/tests/plugins/fakeplugin/fakeplugin/main.py"
)
TOKEN = "this_is_a_valid_token"
DATA = {
    "_raw_fake_fakepipelinestream": 250,
    "_tool_fakeplugin_fakepipelines": 250,
    "cicd_pipelines": 250,
    "cicd_scopes": 1,
}


@pytest.fixture(scope="module")
def fake_shims():
    with synced(FAKE) as shims:
        yield shims


@pytest.fixture(params=["postgresql", "mysql"])
def lake(request, fake_shims):
    lake = Lake(request.getfixturevalue(f"{request.param}_url"), fake_shims, "fake", "warm")
    yield lake
    lake.close()


@pytest.fixture
def connection(lake):
    lake.boot()
    return lake.add_connection(name="Test connection", token=TOKEN)


def scope_of(lake, connection, id="p1", config=None):
    more = {} if config is None else {"scopeConfigId": config["id"]}
    url = f"http://fake.org/api/project/{id}"
    return lake.add_scope(connection, id=id, name=f"Project {id}", url=url, **more)


def config_of(lake, connection):
    return lake.add_config(connection, name="Scope config", env="test env", entities=["CICD"])


def ran(lake, connection, scope, config):
    """Plan and run a scope, and return its rows by table."""
    [task] = lake.plan(connection, [(scope, config)])
    told = lake.run(task, connection, scope, config)
    assert [lines[-1]["current"] for lines in told] == [250, 250, 250]
    traces = lake.traces(scope)
    return {table: traces.get(table, 0) for table in DATA}


def test_connections_are_browsed_as_they_are_saved(lake, connection):
    assert lake.test_connection(name="new", token=TOKEN)["success"] is True
    assert lake.test_connection(proxy="", token=TOKEN)["status"] == 200
    assert lake.test_connection(proxy="", token="other")["status"] == 401
    assert lake.call("remote-scopes", connection, "") == [
        {"id": "group1", "name": "Group 1", "type": "group"}
    ]
    [found] = lake.call("remote-scopes", connection, "group1")
    assert (found["type"], found["parentId"]) == ("scope", "group1")
    assert found["data"]["connectionId"] == connection["id"]


def test_a_scope_is_deleted_with_all_that_it_left(lake, connection):
    config = config_of(lake, connection)
    scope, other = (scope_of(lake, connection, name, config) for name in ("p1", "p10"))
    assert ran(lake, connection, scope, config) == DATA
    assert ran(lake, connection, other, config) == DATA
    [row] = lake.execute("SELECT * FROM cicd_pipelines WHERE name = '7' LIMIT 1")
    assert (row["environment"], row["type"]) == ("test env", "BUILD")
    lake.delete_scope(scope)
    assert lake.traces(scope) == {}
    assert {table: lake.traces(other)[table] for table in DATA} == DATA
    assert ran(lake, connection, scope_of(lake, connection, "p1", config), config) == DATA


def test_tables_that_were_emptied_are_filled_again(lake, connection):
    for _ in range(2):
        connection = lake.add_connection(name="Test connection", token=TOKEN)
        config = config_of(lake, connection)
        assert ran(lake, connection, scope_of(lake, connection, "p1", config), config) == DATA
        lake.empty()


def test_a_config_without_values_is_one(lake, connection):
    scope = scope_of(lake, connection)
    assert scope["scopeConfigId"] == 0
    [task] = lake.plan(connection, [(scope, lake.configs.blank())])
    assert len(task["subtasks"]) == 3
    del task["options"]["fullName"], task["options"]["scopeName"]
    lake.run(task, connection, scope, lake.configs.blank())
    assert lake.traces(scope)["cicd_pipelines"] == 250


def test_a_second_run_replaces_no_row(lake, connection):
    config = config_of(lake, connection)
    scope = scope_of(lake, connection, "p1", config)

    def rows():
        found = lake.execute("SELECT * FROM cicd_pipelines ORDER BY id")
        return [{**row, "_raw_data_id": 0} for row in found]

    assert ran(lake, connection, scope, config) == DATA
    before = rows()
    assert ran(lake, connection, scope, config) == DATA
    assert rows() == before
