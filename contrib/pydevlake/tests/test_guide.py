"""The plugin of pydevlake's guide for authors."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import inspect

import pydevlake as dl
from devlake_core.migration import migrate, pending
from devlake_core.store import Store
from pydevlake.testing import assert_valid_plugin
from tests.web import serving


@pytest.fixture
def plugin(load):
    return load("guideplugin")


@pytest.fixture
def tool():
    with serving() as web:
        users = [
            {"id": "u1", "name": "Ada", "email": None, "contactInfo": {"address": "here"}},
            {"id": "u2", "name": "", "email": "b@x"},
        ]
        web.on(
            "/users",
            lambda asked: (
                {"results": users[1:]}
                if asked.query.get("page") == "2"
                else {"results": users[:1], "nextPage": "2"}
            ),
        )
        web.on("/users/u1/comments", [{"id": "c1", "textBody": "well"}])
        web.on("/users/u2/comments", [])
        yield web


@pytest.fixture
def ctx(plugin, tool, db_url):
    store = Store.open(db_url)
    migrate(store, [plugin])
    connection = plugin.connection_type(id=1, name="c", url=tool.url, token="t0ken")
    scope = plugin.tool_scope_type(id="p", name="P", connection_id=1, description="d", url="u")
    yield dl.Context(store, connection, scope, plugin.scope_config_type())
    store.close()


def test_its_name_comes_from_the_class_and_its_tables_from_the_folder(plugin):
    assert_valid_plugin(plugin)
    info = plugin.plugin_info()
    assert info["name"] == "my"
    assert info["description"] == "my plugin"
    assert [info[f"{kind}_model_info"]["table_name"] for kind in ("scope", "scope_config")] == [
        "_tool_guideplugin_myplugintoolscopes",
        "_tool_guideplugin_mypluginscopeconfigs",
    ]
    assert plugin.get_stream("users").raw_model_table == "_raw_my_users"
    assert [meta["name"] for meta in info["subtask_metas"]] == [
        "Collect Users",
        "Extract Users",
        "Convert Users",
        "Collect Usercomments",
        "Extract Usercomments",
        # Its author wrote no convert; the plans of existing blueprints name it all the same.
        "Convert Usercomments",
    ]


def test_its_migrations_lead_to_its_tables(plugin, db_url):
    store = Store.open(db_url)
    migrate(store, [plugin])
    assert pending(store, [plugin]) == []
    with store.reading() as connection:
        key = inspect(connection).get_pk_constraint("_tool_guideplugin_comments")
    store.close()
    assert set(key["constrained_columns"]) == {"id", "connection_id"}


def test_its_streams_run_over_pages_and_parents(plugin, ctx, tool):
    for stream in ("users", "usercomments"):
        for verb in (plugin.collect, plugin.extract, plugin.convert):
            list(verb(ctx, stream))
    with ctx.store.reading() as connection:
        users, comments, accounts = (
            sorted(map(tuple, connection.exec_driver_sql(f"SELECT {columns} FROM {table}")))
            for columns, table in (
                ("id, name, address", "_tool_guideplugin_users"),
                ("id, text_body", "_tool_guideplugin_comments"),
                ("id, full_name, email", "accounts"),
            )
        )
    assert users == [("u1", "Ada", "here"), ("u2", "", None)]
    assert comments == [("c1", "well")]
    assert accounts == [
        ("guideplugin:User:1:u1", "Ada", None),
        ("guideplugin:User:1:u2", "", "b@x"),
    ]
    assert {asked.headers["Token"] for asked in tool.asked} == {"t0ken"}


def test_its_plan_and_scopes_are_named_after_the_folder(plugin, ctx):
    pipeline = plugin.make_pipeline([(ctx.scope, ctx.scope_config)], ctx.connection).as_dict()
    [[task]] = pipeline["plan"]
    assert (task["plugin"], len(task["subtasks"])) == ("my", 6)
    [scope] = pipeline["scopes"]
    assert json.loads(scope["data"])["id"] == "guideplugin:MyPluginToolScope:1:p"
    assert json.loads(scope["data"])["_raw_data_table"] == "_raw_my_scopes"


def test_a_stream_that_is_not_for_a_scope_is_skipped(plugin, ctx, tool, monkeypatch):
    monkeypatch.setattr(type(plugin.get_stream("users")), "should_run_on", lambda *_: False)
    assert list(plugin.collect(ctx, "users")) == []
    assert tool.asked == []
