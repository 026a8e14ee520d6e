"""What the server is told of a migration."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

import devlake_core.model as model
from devlake_core.errors import PluginLoadError
from devlake_core.migration import Dialect, MigrationScriptBuilder, Script, migration

SAMPLES = Path(__file__).parent.parent / "data" / "devlake" / "wire-samples.json"


def built(write):
    builder = MigrationScriptBuilder()
    write(builder)
    return builder


def recorded_scripts():
    calls = json.loads(SAMPLES.read_text())["calls"]
    [info] = next(call["fd3"] for call in calls if call["method"] == "plugin-info")
    return info["migration_scripts"]


def test_statements_are_announced_as_a_recorded_plugin_announced_them():
    recorded = recorded_scripts()[1]
    builder = built(lambda b: None)
    for operation in recorded["operations"]:
        builder.execute(operation["sql"], Dialect(operation["dialect"]))
    script = Script(recorded["version"], recorded["name"], tuple(builder.operations))
    assert script.to_wire() == recorded


def test_tables_are_announced_with_the_snapshots_schema():
    recorded = recorded_scripts()[0]["operations"][0]
    made = type(model.Connection)(
        "FakeConnection",
        (model.Connection,),
        {"__module__": "fakeplugin.main", "__annotations__": {"token": SecretStr}},
    )
    [operation] = built(lambda b: b.create_tables(made)).operations
    wire = operation.to_wire()
    assert wire["type"] == recorded["type"]
    assert wire["model_info"]["table_name"] == recorded["model_info"]["table_name"]
    schema, there = wire["model_info"]["json_schema"], recorded["model_info"]["json_schema"]
    assert set(schema["properties"]) == set(there["properties"])
    assert schema["required"] == there["required"]
    for name, prop in there["properties"].items():
        for key in ("type", "format", "primaryKey"):
            assert schema["properties"][name].get(key) == prop.get(key), (name, key)


@pytest.mark.parametrize(
    ("write", "wire"),
    [
        (
            lambda b: b.execute("UPDATE _tool_x_a SET b = 1", ignore_error=True),
            {"type": "execute", "sql": "UPDATE _tool_x_a SET b = 1", "ignore_error": True},
        ),
        (
            lambda b: b.add_column("_tool_x_a", "b", "varchar(255)"),
            {
                "type": "add_column",
                "table": "_tool_x_a",
                "column": "b",
                "column_type": "varchar(255)",
            },
        ),
        (
            lambda b: b.drop_column("_tool_x_a", "b"),
            {"type": "drop_column", "table": "_tool_x_a", "column": "b"},
        ),
        (
            lambda b: b.rename_column("_tool_x_a", "startTime", "start_time"),
            {
                "type": "rename_column",
                "table": "_tool_x_a",
                "old_name": "startTime",
                "new_name": "start_time",
            },
        ),
        (
            lambda b: b.drop_table("_tool_x_a"),
            {"type": "drop_table", "table": "_tool_x_a"},
        ),
        (
            lambda b: b.rename_table("_tool_x_a", "_tool_x_b"),
            {"type": "rename_table", "old_name": "_tool_x_a", "new_name": "_tool_x_b"},
        ),
    ],
)
def test_each_operation_has_the_servers_spelling(write, wire):
    [operation] = built(write).operations
    assert json.loads(json.dumps(operation.to_wire())) == wire


def test_what_is_for_sqlite_is_not_announced():
    def write(b):
        b.execute("SELECT 1", Dialect.SQLITE)
        b.execute("SELECT 2", Dialect.MYSQL)

    script = Script(20260101000000, "x", tuple(built(write).operations))
    assert [operation["sql"] for operation in script.to_wire()["operations"]] == ["SELECT 2"]


@pytest.mark.parametrize(
    "write",
    [
        lambda b: b.add_column("_tool_x_a", "b", "text; DROP TABLE c"),
        lambda b: b.add_column("_tool_x_a", "b", "varchar(256)"),
        lambda b: b.add_column("_tool_x_a", "b", "varchar(0)"),
        lambda b: b.add_column("_tool_x_a", "b", "geometry"),
        lambda b: b.add_column("_tool_x_a", "b", None),
        lambda b: b.add_column('_tool_x_a"', "b", "text"),
        lambda b: b.drop_column("_tool_x_a", "b c"),
        lambda b: b.drop_column("_tool_x_a", "b" * 64),
        lambda b: b.rename_column("_tool_x_a", "b", "1"),
        lambda b: b.rename_column("_tool_x_a", "b`", "c"),
        lambda b: b.drop_table("_tool_x_a; "),
        lambda b: b.rename_table("_tool_x_a", "ä"),
        lambda b: b.create_tables("x"),
        lambda b: b.create_tables(dict),
        lambda b: b.execute(""),
        lambda b: b.execute(" ; -- nothing"),
        lambda b: b.execute("GRANT ALL ON *.* TO x"),
        lambda b: b.execute("drop /* a */ database devlake"),
        lambda b: b.execute("DROP SCHEMA public CASCADE"),
    ],
)
def test_what_none_may_do_is_refused_when_the_script_is_read(write):
    with pytest.raises(PluginLoadError):
        built(write)


@pytest.mark.parametrize(
    ("sql", "warned"),
    [
        ("UPDATE _tool_x_a SET b = 'GRANT; DROP DATABASE x'", False),
        ("UPDATE _tool_x_a SET b = 1;", False),
        ("UPDATE _tool_x_a SET b = 1; UPDATE _tool_x_a SET c = 1", True),
        ("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", False),
        ("DO $$ BEGIN PERFORM 1; PERFORM 2; END $$", False),
    ],
)
def test_several_statements_in_one_are_warned_of(sql, warned):
    assert bool(built(lambda b: b.execute(sql)).warnings) is warned


@pytest.mark.parametrize("version", [1, 2026010100000, 202601010000000, "x", None])
def test_a_version_without_14_digits_is_refused(version):
    with pytest.raises(PluginLoadError, match="14 digits"):
        migration(version)(lambda b: None)


def test_the_message_names_the_script():
    with pytest.raises(PluginLoadError, match=r"migration 20260101000000 \(bad\): .*no table name"):
        migration(20260101000000, "bad")(lambda b: b.drop_table("a b"))


def test_a_script_is_named_after_its_function():
    def add_things(b):
        b.drop_table("_tool_x_a")

    script = migration(20260101000000)(add_things)
    assert (script.version, script.name) == (20260101000000, "add_things")
    assert len(script.operations) == 1
