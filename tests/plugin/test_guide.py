"""A plugin written as pydevlake's guide for authors shows it works natively."""

from __future__ import annotations

import importlib
import json

import pytest

import devlake_core as dl
from devlake_core.plugin.connect import try_connection
from devlake_core.plugin.manager import Host
from devlake_core.store import Store
from tests.plugin.conftest import DISTS


@pytest.fixture
def main(monkeypatch):
    monkeypatch.syspath_prepend(DISTS / "guide")
    return importlib.import_module("myplugin.main")


@pytest.fixture
def plugin(main):
    host = Host([])
    host.add(main.MyPlugin())
    return host.load("myplugin")


@pytest.fixture
def connection(main, server):
    return main.MyPluginConnection(id=1, name="c", url=server.url, token="t0ken")


def test_it_has_one_name_for_all(plugin):
    info = plugin.plugin_info()
    assert info["name"] == "myplugin"
    tables = [info[f"{kind}_model_info"]["table_name"] for kind in ("connection", "scope")]
    tables += [model["table_name"] for model in info["tool_model_infos"]]
    assert tables == [
        "_tool_myplugin_mypluginconnections",
        "_tool_myplugin_myplugintoolscopes",
        "_tool_myplugin_users",
        "_tool_myplugin_comments",
    ]
    assert info["scope_config_model_info"]["table_name"] == "_tool_myplugin_scopeconfigs"
    assert plugin.get_stream("users").raw_model_table == "_raw_myplugin_users"


def test_its_installed_distribution_is_found_and_loaded(python):
    code = """
import json
from devlake_core.plugin.manager import Host
from devlake_core.store import Store
host = Host()
plugin = host.load("myplugin")
print(json.dumps([host.record("myplugin").state, [s.name for s in plugin.all_streams]]))
"""
    assert python(code, "guide") == ["ok", ["users", "usercomments"]]


def test_keys_in_the_schema_follow_from_sqlmodels_field(plugin):
    [users, comments] = plugin.plugin_info()["tool_model_infos"]
    properties = users["json_schema"]["properties"]
    assert properties["id"]["primaryKey"] is True
    assert properties["connectionId"]["primaryKey"] is True
    assert properties["connectionId"]["autoIncrement"] is False
    assert properties["address"]["source"] == "/contactInfo/address"
    assert "textBody" in comments["json_schema"]["properties"]


def test_domain_types_follow_from_the_domain_models_else_are_all(plugin):
    assert plugin.get_stream("users").effective_domain_types == [dl.DomainType.CROSS]
    assert plugin.get_stream("usercomments").effective_domain_types == list(dl.DomainType)


def test_its_connection_is_tested(plugin, connection, server):
    server.answers["/users"] = (200, [])
    assert try_connection(plugin, connection).success
    assert server.requests[0][1]["Token"] == "t0ken"
    server.answers["/users"] = (403, {})
    result = try_connection(plugin, connection)
    assert (result.success, result.status) == (False, 403)


def test_its_groups_and_scopes_are_listed(plugin, connection, server):
    server.answers["/groups"] = (200, [{"id": "g", "name": "G"}])
    server.answers["/groups/g/projects"] = (
        200,
        [{"id": "p", "name": "P", "description": "d", "url": "http://x/p"}],
    )
    groups = [item.as_dict() for item in plugin.make_remote_scopes(connection, "")]
    assert groups == [{"id": "g", "name": "G", "type": "group"}]
    [scope] = [item.as_dict() for item in plugin.make_remote_scopes(connection, "g")]
    assert (scope["parentId"], scope["data"]["description"]) == ("g", "d")
    assert list(plugin.make_remote_scopes(connection, "empty")) == []


def test_its_pipeline_is_made_of_a_scope_class_without_a_table_flag(main, plugin, connection):
    scope = main.MyPluginToolScope(id="p", name="P", description="d", url="http://x/p")
    pipeline = plugin.make_pipeline([(scope, None)], connection).as_dict()
    assert pipeline["plan"][0][0]["subtasks"] == [
        "Collect Users",
        "Extract Users",
        "Convert Users",
        "Collect Usercomments",
        "Extract Usercomments",
    ]
    [domain] = pipeline["scopes"]
    assert domain["type_name"] == "CicdScope"
    assert json.loads(domain["data"])["id"] == "myplugin:MyPluginToolScope:1:p"


def test_its_migrations_are_announced(plugin):
    # The first is ours: the table of the scope config that the author did not write.
    implied, *scripts = plugin.plugin_info()["migration_scripts"]
    assert implied["version"] == 20200101000000
    assert [script["version"] for script in scripts] == [20230501000001, 20230524181430]
    first = [operation["model_info"]["table_name"] for operation in scripts[0]["operations"]]
    assert first == [
        "_tool_myplugin_mypluginconnections",
        "_tool_myplugin_myplugintoolscopes",
        "_tool_myplugin_users",
        "_tool_myplugin_comments",
    ]
    assert "_tool_myplugin_comments" in scripts[1]["operations"][0]["sql"]


def test_its_streams_go_all_the_way_through_the_plugins_verbs(
    main, plugin, connection, server, sqlite_url
):
    server.answers["/users"] = (
        200,
        [
            {"id": "u1", "name": "Ada", "email": None, "contactInfo": {"address": "here"}},
            {"id": "u2", "name": "", "email": "b@x", "contactInfo": {}},
        ],
    )
    server.answers["/users/u1/comments"] = (200, [{"id": "c1", "textBody": "well"}])
    server.answers["/users/u2/comments"] = (200, [])
    account = plugin.get_stream("users").domain_models[0]
    models = [*plugin.tool_models, account]
    store = Store.open(sqlite_url)
    with store.transaction() as database:
        for model in models:
            model.__table__.create(database)
    scope = main.MyPluginToolScope(
        id="p", name="P", connection_id=1, description="d", url="http://x/p"
    )
    ctx = dl.Context(store, connection, scope, plugin.scope_config_type())
    for stream in ("users", "usercomments"):
        for verb in (plugin.collect, plugin.extract, plugin.convert):
            list(verb(ctx, stream))
    with store.reading() as database:
        users, comments, accounts = (
            [dict(row._mapping) for row in database.execute(model.__table__.select())]
            for model in models
        )
    store.close()
    assert [(row["id"], row["name"], row["address"]) for row in users] == [
        ("u1", "Ada", "here"),
        ("u2", "", None),
    ]
    assert [(row["id"], row["text_body"]) for row in comments] == [("c1", "well")]
    # The guide writes `id=user.id`; the domain id is meant.
    assert [row["id"] for row in accounts] == ["myplugin:User:1:u1", "myplugin:User:1:u2"]
