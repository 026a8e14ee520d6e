from __future__ import annotations

import json
from typing import Any

import devlake_core as dl
from devlake_core.plugin.info import parents_first
from tests.plugin.conftest import ROOT
from tests.plugin.fakeplugin import FakePlugin
from tests.plugin.shop import Shop

__devlake_plugin__ = "shop"

SAMPLES = json.loads((ROOT / "tests/data/devlake/wire-samples.json").read_text())["calls"]
BASE = ("_raw_data_params", "_raw_data_table", "_raw_data_id", "_raw_data_remark")

FORMATS = {"date-time", "password"}


def sample(method):
    return next(call["fd3"][0] for call in SAMPLES if call["method"] == method)


def essence(info: dict[str, Any]) -> dict[str, Any]:
    """Return what the server reads of a model: it makes columns of these."""
    schema = info["json_schema"]
    kept = ("type", "primaryKey", "autoIncrement")
    return {
        "table": info["table_name"],
        "title": schema["title"],
        "required": sorted(schema.get("required", [])),
        "properties": {
            name: {
                **{key: prop[key] for key in kept if key in prop},
                **({"format": prop["format"]} if prop.get("format") in FORMATS else {}),
            }
            for name, prop in schema["properties"].items()
            if name not in BASE
        },
    }


def test_the_recorded_plugins_info_is_that_of_ours():
    ours, theirs = FakePlugin().plugin_info("/path/to/fakeplugin/run.sh"), sample("plugin-info")
    assert list(ours) == list(theirs)
    for key in ("name", "description", "plugin_path", "subtask_metas", "extension"):
        assert ours[key] == theirs[key]
    for key in ("connection_model_info", "scope_model_info", "scope_config_model_info"):
        assert essence(ours[key]) == essence(theirs[key])
    assert list(map(essence, ours["tool_model_infos"])) == list(
        map(essence, theirs["tool_model_infos"])
    )


def test_a_plugins_info_is_json_and_the_same_twice():
    first, second = (json.dumps(Shop().plugin_info(), sort_keys=True) for _ in range(2))
    assert first == second


def test_streams_without_tool_model_are_announced_by_what_they_do():
    names = [meta["name"] for meta in Shop().plugin_info()["subtask_metas"]]
    assert names[-1] == "Collect Papers"
    assert "Extract Papers" not in names


def test_tables_that_no_stream_has_are_announced_too():
    tables = [info["table_name"] for info in Shop().plugin_info()["tool_model_infos"]]
    assert tables == ["_tool_shop_orders", "_tool_shop_lines", "_tool_shop_labels"]


def test_a_scope_config_is_announced_although_the_author_wrote_none():
    class Plain(Shop):
        scope_config_type = dl.Plugin.scope_config_type

    info = Plain().plugin_info()["scope_config_model_info"]
    assert info["table_name"] == "_tool_shop_scopeconfigs"
    assert not Plain().has_own_scope_config
    assert Shop().has_own_scope_config


def test_streams_come_after_those_whose_rows_they_read():
    class A(dl.Stream):
        pass

    class B(dl.Substream):
        parent_stream = A

    class C(dl.Stream):
        raw_from = B

    made = [cls("x") for cls in (C, B, A)]
    assert [stream.name for stream in parents_first(made)] == ["a", "b", "c"]
