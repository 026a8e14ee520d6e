"""Connections, scopes, scope configs and state: saved, shown, changed and removed."""

import pytest
from sqlalchemy import text

from devlake_core.model import raw_data_params
from devlake_core.store import Store
from devlake_core.store.removal import remove_data
from tests.cli.conftest import CANARY


def test_a_connection_is_added_shown_tested_changed_and_removed(connected, tool):
    assert connected("connections", "list").out.splitlines()[1].split() == [
        "tracker", "main", "1", tool.url,
    ]  # fmt: skip
    shown = connected("connections", "show", "tracker", "--json").json
    assert (shown["name"], shown["endpoint"], shown["token"]) == ("main", tool.url, "***")
    assert "tracker main: Connection successful" in connected("connections", "test", "tracker").out
    connected("connections", "edit", "tracker", "main", "--page-size", "7", "--new-name", "other")
    shown = connected("connections", "show", "tracker", "other", "--json").json
    assert (shown["page_size"], shown["endpoint"]) == (7, tool.url)
    # The secret is the one it was.
    assert connected("connections", "test", "tracker", "other", "--json").json["success"] is True
    connected("connections", "remove", "tracker", "other")
    assert connected("connections", "list", "--json").json == []


def test_a_connection_that_the_tool_refuses_is_told(connected, tool):
    tool.key = "another"
    done = connected("connections", "test", "tracker", code=77)
    assert "connection 'main' of tracker does not work" in done.err
    assert "status 401" in done.err
    assert connected("connections", "test", "tracker", "--json", code=77).json["status"] == 401


def test_two_connections_cannot_have_one_name(connected):
    add = ("connections", "add", "tracker", "--endpoint", "http://x", "--token-stdin", "--name")
    done = connected(*add, "main", stdin="secret\n", code=2)
    assert "already a connection of tracker called 'main'" in done.err
    connected(*add, "second", stdin="secret\n")
    done = connected("run", "tracker", "b1", code=2)
    assert "say --connection with one of: main, second" in done.err
    edit = ("connections", "edit", "tracker", "second", "--new-name")
    assert connected(*edit, "main", code=2).code == 2
    connected(*edit, "second")


def test_connections_are_listed_although_a_plugin_is_broken(connected, site):
    (site / "devlake_plugin_acrobat").unlink()
    done = connected("connections", "list")
    assert "main" in done.out
    assert "left out: plugin 'acrobat' (devlake-plugin-acrobat 1.0) is broken" in done.err
    done = connected("connections", "list", "acrobat", code=78)
    assert "is broken" in done.err


def test_groups_and_scopes_are_browsed(connected):
    assert connected("scopes", "browse", "tracker", "--json").json == [
        {"id": "g1", "name": "Group g1", "type": "group", "parentId": None},
        {"id": "g2", "name": "Group g2", "type": "group", "parentId": None},
    ]
    assert connected("scopes", "browse", "tracker", "g2", "--json").json == [
        {"id": "b3", "name": "Board b3", "type": "scope", "parentId": "g2"}
    ]
    lines = connected("scopes", "browse", "tracker", "--tree").out.splitlines()
    assert lines[:5] == [
        "▸ Group g1  (g1)",
        "    Board b1  (b1)",
        "    Board b2  (b2)",
        "▸ Group g2  (g2)",
        "    Board b3  (b3)",
    ]


def test_scopes_are_added_with_their_fields_and_a_config(connected):
    connected("configs", "add", "tracker", "--name", "loud", "--prefix", "!", "--labels", "a,b")
    connected("scopes", "add", "tracker", "b1", "Board b3", "--config", "loud")
    found = connected("scopes", "list", "tracker", "--json").json
    assert [(s["id"], s["url"], s["scope_config_id"]) for s in found] == [
        ("b1", "http://t/b1", 1),
        ("b3", "http://t/b3", 1),
    ]
    connected("run", "tracker")
    assert connected.rows("SELECT title FROM issues WHERE title LIKE '!%'")
    assert connected("configs", "show", "tracker", "loud", "--json").json["labels"] == ["a", "b"]
    done = connected("configs", "remove", "tracker", "loud", code=2)
    assert "is used by 2 scopes" in done.err
    done = connected("scopes", "add", "tracker", "--all", "--group", "g1")
    assert done.out.splitlines()[:2] == [
        "brought up to date: Board b1 (b1)",
        "added: Board b2 (b2)",
    ]
    # Brought up to date, with the config that it had.
    found = connected("scopes", "list", "tracker", "--json").json
    assert {s["id"]: s["scope_config_id"] for s in found} == {"b1": 1, "b2": None, "b3": 1}


def test_a_changed_config_is_applied_to_what_is_stored(connected, tool):
    connected("configs", "add", "tracker", "--name", "c", "--prefix", "old ")
    connected("scopes", "add", "tracker", "b1", "--config", "c")
    connected("run", "tracker")
    connected("configs", "edit", "tracker", "c", "--prefix", "new ")
    asked = len(tool.asked)
    connected("run", "tracker", "extract")
    connected("run", "tracker", "convert")
    assert len(tool.asked) == asked
    titles = [title for (title,) in connected.rows("SELECT title FROM issues ORDER BY title")]
    assert titles == ["new Issue 1", "new Issue 2", "new Issue 3"]


def test_a_removed_scope_takes_its_data_along_and_comes_back_whole(connected):
    connected("run", "tracker", "b1", "b2")
    before = connected.dump()
    done = connected("scopes", "remove", "tracker", "b1", "--yes", "--json")
    assert done.json[0]["rows"] > 10
    for table, column in [
        ("_raw_tracker_issues", "params"),
        ("_raw_tracker__state", "params"),
        ("_tool_tracker_issues", "_raw_data_params"),
        ("issues", "_raw_data_params"),
        ("boards", "_raw_data_params"),
    ]:
        rows = connected.rows(f"SELECT DISTINCT {column} FROM {table}")
        assert rows == [('{"ConnectionId":1,"ScopeId":"b2"}',)], table
    assert [s["id"] for s in connected("scopes", "list", "tracker", "--json").json] == ["b2"]
    connected("run", "tracker", "b1")
    assert connected.dump() == before


def test_removal_asks_first(connected):
    connected("run", "tracker", "b1")
    assert connected("scopes", "remove", "tracker", "b1", stdin="n\n", code=130).code == 130
    assert len(connected("scopes", "list", "tracker", "--json").json) == 1
    connected("scopes", "remove", "tracker", "b1", stdin="y\n")


def test_state_is_shown_and_forgotten(devlake):
    assert "nothing of acrobat" in _after_migration(devlake)("state", "show", "acrobat").out
    devlake("run", "acrobat", "split")
    (jumps, rests) = devlake("state", "show", "acrobat", "--json").json
    assert jumps["state"] == {"after": 29}
    assert (jumps["kind"], jumps["complete"], jumps["scope"]) == ("full", True, "split")
    assert rests["stream"] == "rests"
    assert '{"after": 29}' in devlake("state", "show", "acrobat", "--stream", "jumps").out
    done = devlake("state", "reset", "acrobat", "--stream", "jumps", "--yes")
    assert done.out == "forgot 1 state of 1 scope; the next run reads all again\n"
    done = devlake("run", "acrobat", "--json")
    assert (done.json["records"], done.json["unchanged"]) == (31, 60)
    assert devlake.rows("SELECT COUNT(*) FROM _raw_acrobat_jumps") == [(30,)]


def _after_migration(devlake):
    devlake("migrate", "acrobat")
    return devlake


def test_migrate_tells_what_it_did_and_what_it_would_do(devlake):
    assert devlake("migrate", "tracker", "--json").json[0]["plugin"] == "devlake_core"
    assert "nothing to do" in devlake("migrate", "tracker").out
    assert devlake("migrate", "acrobat", "--dry-run").out.count("pending: ") == 1


def test_everything_of_a_scope_goes_on_every_database(db_url):
    store = Store.open(db_url)
    mine, other = raw_data_params(1, "a<b"), raw_data_params(1, "c")
    tables = {
        "_raw_x_things": "params",
        "_raw_x__quarantine2": "params",
        "_raw_xy_things": "_none",
        "_tool_x_things": "_raw_data_params",
        "_tool_x_scopes": "_raw_data_params",
        "issues": "_raw_data_params",
        "notes": "_raw_data_remark",
    }
    with store.transaction() as connection:
        for name, column in tables.items():
            origin = ", _raw_data_table VARCHAR(255)" if not name.startswith("_") else ""
            connection.execute(text(f"CREATE TABLE {name} ({column} VARCHAR(255){origin})"))
            for params in (mine, other):
                connection.execute(
                    text(f"INSERT INTO {name} ({column}) VALUES (:p)"), {"p": params}
                )
        for origin in ("_raw_x_things", "_rawax_things", "_raw_y_things"):
            connection.execute(text("INSERT INTO issues VALUES (:p, :t)"), {"p": mine, "t": origin})
    removed = remove_data(store, "x", 1, "a<b", ["_tool_x_things"])
    with store.reading() as connection:
        left = {
            name: connection.execute(
                text(f"SELECT COUNT(*) FROM {name} WHERE {column} = :p"), {"p": mine}
            ).scalar_one()
            for name, column in tables.items()
        }
        origins = connection.execute(
            text("SELECT _raw_data_table FROM issues WHERE _raw_data_params = :p"), {"p": mine}
        ).scalars()
        assert sorted(map(str, origins)) == ["None", "_raw_y_things", "_rawax_things"]
    assert left == {
        "_raw_x_things": 0,
        "_raw_x__quarantine2": 0,
        "_raw_xy_things": 1,
        "_tool_x_things": 0,
        "_tool_x_scopes": 1,
        "issues": 3,
        "notes": 1,
    }
    assert removed["issues"] == 1
    store.close()


@pytest.mark.parametrize("shape", ["postgresql", "mysql"])
def test_a_run_on_a_server(connected, shape, request, tool):
    url = request.getfixturevalue(f"{shape}_url")
    connected.environ |= {"DEVLAKE_DB_URL": url, "ENCRYPTION_SECRET": "s3cret"}
    connected("migrate", "tracker")
    add = ("connections", "add", "tracker", "--name", "m", "--endpoint", tool.url)
    connected(*add, "--token-stdin", stdin=f"{CANARY}\n")
    done = connected("run", "tracker", "b1", "b2", "--jobs", "2", "--json")
    assert (done.json["exit_code"], done.json["records"]) == (0, 8)
    assert connected("run", "tracker", "--json").json["unchanged"] > 0
    connected("scopes", "remove", "tracker", "b1", "--yes")
    assert [s["id"] for s in connected("scopes", "list", "tracker", "--json").json] == ["b2"]
