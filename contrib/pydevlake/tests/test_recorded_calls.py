"""The recorded plugin answers what was recorded."""

from __future__ import annotations

import json

import pytest

from devlake_core.bridge.methods import answer
from devlake_core.migration import migrate
from devlake_core.runner.cancel import Cancel
from devlake_core.store import Store, ensure_raw
from tests.domain import catalog

from .conftest import RECORDED


class Descriptor3:
    """Keep what would be written to descriptor 3."""

    def __init__(self):
        self.lines = []
        self.document = b""

    def result(self, line):
        self.lines.append(line)

    def progress(self, increment, current, total):
        line = {"increment": increment, "current": current, "total": total}
        self.lines.append(json.dumps(line).encode())

    def alive(self):
        pass

    def log(self, text):
        pass


def called(host, call, **changes):
    out = Descriptor3()
    arguments = [
        json.dumps({**given, **changes} if "db_url" in given else given)
        if isinstance(given, dict)
        else json.dumps(given)
        for given in call["argv"]
    ]
    path = "/path/to/fakeplugin/run.sh"
    answer(host, "fake", call["method"], arguments, out, Cancel(), path=path)
    if call["method"] in {"plugin-info", "make-pipeline"}:
        return [json.loads(b"".join(out.lines))]
    return [json.loads(line) for line in out.lines]


def test_it_loads_under_the_name_of_its_class_with_tables_named_after_its_folder(fake):
    assert fake.name == "fake"
    assert fake.tool_scope_type.__tablename__ == "_tool_fakeplugin_fakeprojects"
    assert fake.get_stream("fakepipelinestream").raw_model_table == "_raw_fake_fakepipelinestream"


def test_calls_that_need_no_database_are_answered_as_recorded(fake, host, calls):
    done = []
    for call in calls:
        if not any("db_url" in given for given in call["argv"] if isinstance(given, dict)):
            assert called(host, call) == call["fd3"]
            done.append(call["method"])
    assert done == ["plugin-info", "remote-scopes", "remote-scopes", "make-pipeline"]


@pytest.fixture
def store(db_url, fake):
    """Return a database with the domain layer and the plugin's tables."""
    found = Store.open(db_url)
    migrate(found, [fake])
    yield found
    found.close()


def test_verbs_tell_their_progress_as_recorded(fake, host, calls, store, db_url):
    for call in calls:
        if call["method"] in {"collect", "extract", "convert"}:
            assert called(host, call, db_url=db_url) == call["fd3"]
    [stream] = fake.all_streams
    with store.reading() as connection:
        raws, tools, rows = (
            connection.exec_driver_sql(f"SELECT * FROM {table}").mappings().all()
            for table in (
                stream.raw_model_table,
                "_tool_fakeplugin_fakepipelines",
                "cicd_pipelines",
            )
        )
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
def test_its_tables_are_those_that_the_server_made(kind, fake, request):
    store = Store.open(request.getfixturevalue(f"{kind}_url"))
    migrate(store, [fake])
    ensure_raw(store, "fake", *(stream.raw_model_table for stream in fake.all_streams))
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
