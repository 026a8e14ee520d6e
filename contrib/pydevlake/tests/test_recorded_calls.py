"""The recorded plugin answers what was recorded.

It runs in processes of its own: other tests have a plugin with tables of the same names.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from devlake_core.store import Store, ensure_raw
from tests.domain import catalog

from .conftest import PLUGINS, RECORDED, called

FAKE = PLUGINS / "fakeplugin"
MIGRATE = """
import sys
from devlake_core.migration import migrate
from devlake_core.plugin.manager import Host
from devlake_core.runner.legacy import add_legacy
from devlake_core.store import Store
plugin = add_legacy(Host([]), sys.argv[1])
store = Store.open(sys.argv[2])
migrate(store, [plugin])
store.close()
"""


def migrated(url):
    """Make the domain layer and the plugin's tables."""
    command = [sys.executable, "-W", "error", "-c", MIGRATE, str(FAKE / "fakeplugin"), url]
    subprocess.run(command, check=True)


def answered(shims, call, **changes):
    """Return what a recorded call gives, as the server reads it."""
    arguments = [
        json.dumps({**given, **changes} if isinstance(given, dict) and "db_url" in given else given)
        for given in call["argv"]
    ]
    code, lines, said = called(["./run.sh", call["method"], *arguments], shims / "fake")
    assert code == 0, said
    if call["method"] in {"plugin-info", "make-pipeline"}:
        lines = ["".join(lines)]
    return [json.loads(line) for line in lines]


def test_calls_that_need_no_database_are_answered_as_recorded(shims, calls):
    assert [call["method"] for call in calls[:4]] == [
        "plugin-info",
        "remote-scopes",
        "remote-scopes",
        "make-pipeline",
    ]
    for call in calls[:4]:
        if call["method"] == "plugin-info":
            call["fd3"][0]["plugin_path"] = str(shims / "fake" / "run.sh")
        assert answered(shims, call) == call["fd3"]


def test_connections_are_tested_by_their_token(shims):
    for token, status in (("this_is_a_valid_token", 200), ("other", 401)):
        argv = [{"log_level": ""}, {"name": "c", "token": token}]
        [answer] = answered(shims, {"method": "test-connection", "argv": argv})
        assert (answer["success"], answer["status"]) == (status == 200, status)


def test_verbs_tell_their_progress_as_recorded(shims, calls, db_url):
    migrated(db_url)
    for call in calls[4:]:
        assert answered(shims, call, db_url=db_url) == call["fd3"]
    store = Store.open(db_url)
    with store.reading() as connection:
        raws, tools, rows = (
            connection.exec_driver_sql(f"SELECT * FROM {table}").mappings().all()
            for table in (
                "_raw_fake_fakepipelinestream",
                "_tool_fakeplugin_fakepipelines",
                "cicd_pipelines",
            )
        )
    store.close()
    assert len(raws) == len(tools) == len(rows) == 250
    params = '{"ConnectionId":21,"ScopeId":"p1"}'
    assert {raw["params"] for raw in raws} == {params}
    assert {row["_raw_data_params"] for row in (*tools, *rows)} == {params}
    assert {row["_raw_data_table"] for row in rows} == {"_raw_fake_fakepipelinestream"}
    [seventh] = [row for row in rows if row["name"] == "7"]
    # Its author gave each row the id 1.
    assert seventh["id"] == "fakeplugin:FakePipeline:21:7"
    assert (seventh["status"], seventh["result"]) == ("DONE", "SUCCESS")
    assert (seventh["type"], seventh["environment"]) == ("BUILD", "test env")
    assert seventh["cicd_scope_id"] == "fakeplugin:FakeProject:21:p1"


SCHEMA = json.loads((RECORDED / "domain-schema.json").read_text("utf-8"))["example_tool"]


def wide(kind):
    """Return a type without what is narrower in the server's tables than in those that we make."""
    return kind.replace("longtext", "text").replace("longblob", "blob")


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_its_tables_are_those_that_the_server_made(kind, request):
    url = request.getfixturevalue(f"{kind}_url")
    migrated(url)
    store = Store.open(url)
    ensure_raw(store, "fake", "_raw_fake_fakepipelinestream")
    with store.reading() as connection:
        tables = catalog.read(connection)
    store.close()
    for name, recorded in SCHEMA.items():
        ours = tables[name]["columns"]
        theirs = recorded["postgres" if kind == "postgresql" else kind]
        if name.startswith("_raw_"):
            # Raw tables are wider: no other record is refused, and `params` has an index.
            assert set(ours) == set(theirs)
            continue
        if "_raw_data_id" not in ours:
            # The server gives connections and scope configs an origin that nobody fills.
            theirs = {name: kind for name, kind in theirs.items() if not name.startswith("_raw_")}
        assert {column: wide(kind) for column, kind in ours.items()} == {
            column: wide(kind) for column, kind in theirs.items()
        }
        assert set(tables[name]["primary_key"]) == set(recorded["primary_key"])


MAIN = [sys.executable, "fakeplugin/main.py"]


def test_its_main_runs_as_a_script_with_database_and_connection_alone(tmp_path):
    context = {
        "db_url": f"sqlite+pysqlite:///{tmp_path / 'lake.db'}",
        "connection": {"id": 1, "name": "c", "token": "t"},
        "scope_config": {"env": "test"},
    }
    for verb in ("collect", "extract", "convert"):
        command = [*MAIN, verb, json.dumps(context), "fakepipelinestream"]
        code, lines, said = called(command, FAKE, PYTHONPATH=str(FAKE), PYTHONWARNINGS="default")
        assert code == 0, said
        assert json.loads(lines[-1]) == {"increment": 50, "current": 250, "total": 0}
        # The server's log would be full of them.
        assert "Deprecat" not in said
