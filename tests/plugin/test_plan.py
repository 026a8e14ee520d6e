from __future__ import annotations

import json
from datetime import datetime

import pytest

import devlake_core as dl
from devlake_core.domain import ticket
from devlake_core.errors import PluginError
from devlake_core.plugin.pipeline_tasks import RefDiffOptions, gitextractor, refdiff
from tests.plugin.conftest import ROOT
from tests.plugin.fakeplugin import FakeConnection, FakePlugin, FakeProject, FakeScopeConfig
from tests.plugin.shop import Shop, ShopConfig, connection, shelf

__devlake_plugin__ = "shop"


SAMPLES = json.loads((ROOT / "tests/data/devlake/wire-samples.json").read_text())["calls"]


def subtasks(plugin, scope, config):
    [[task]] = plugin.make_pipeline([(scope, config)], connection()).plan
    return task.subtasks


def test_a_stage_per_scope_has_the_plugins_task_with_the_scopes_options():
    plan = Shop().make_pipeline([(shelf("a"), None), (shelf("b"), None)], connection()).as_dict()
    assert [len(stage) for stage in plan["plan"]] == [1, 1]
    task = plan["plan"][0][0]
    assert (task["plugin"], task["skipOnFail"]) == ("shop", False)
    assert task["options"] == {
        "scopeId": "a",
        "scopeName": "Shelf a",
        "connectionId": 3,
        "fullName": "Shelf a",
    }


def test_without_a_config_all_streams_run_parents_first():
    assert subtasks(Shop(), shelf(), None) == [
        "Collect Orders",
        "Extract Orders",
        "Convert Orders",
        "Collect Lines",
        "Extract Lines",
        "Convert Lines",
        "Collect Papers",
    ]


def test_the_config_chooses_streams_by_kind_of_data():
    config = ShopConfig(name="x", domain_types=[dl.DomainType.CICD])
    assert subtasks(Shop(), shelf(), config) == ["Collect Lines", "Extract Lines", "Convert Lines"]
    assert subtasks(Shop(), shelf("closed"), config) == []


def test_domain_scopes_have_the_scopes_domain_id_and_its_origin():
    scopes = Shop().make_pipeline([(shelf(), None)], connection()).scopes
    assert [scope["type_name"] for scope in scopes] == ["Board", "CicdScope", "Repo"]
    board = json.loads(scopes[0]["data"])
    assert board["id"] == "shop:Shelf:3:s&1"
    assert board["_raw_data_table"] == "_raw_shop_scopes"
    assert board["_raw_data_params"] == '{"ConnectionId":3,"ScopeId":"s\\u00261"}'
    assert board["name"] == "Shelf s&1"
    assert "url" not in board


def test_names_and_times_are_those_that_go_reads():
    class Dated(Shop):
        def domain_scopes(self, shelf):
            return ticket.Board(name="x", created_date=datetime(2026, 1, 2, 3, 4, 5))

    [scope] = Dated().make_pipeline([(shelf(), None)], connection()).scopes
    assert json.loads(scope["data"])["createdDate"] == "2026-01-02T03:04:05Z"
    repo = Shop().make_pipeline([(shelf(), None)], connection()).scopes[2]
    assert json.loads(repo["data"])["forked_from"] == "x"


def test_no_domain_scopes_are_none():
    class Bare(Shop):
        def domain_scopes(self, shelf):
            return None

    assert Bare().make_pipeline([(shelf(), None)], connection()).scopes == []


def test_a_domain_scope_that_the_server_does_not_know_is_refused_with_the_cure():
    class Project(dl.DomainScope, table=True):
        __tablename__ = "shop_projects"
        name: str

    class Odd(Shop):
        def domain_scopes(self, shelf):
            yield Project(name="x")

    with pytest.raises(PluginError, match="gives a Project") as raised:
        Odd().make_pipeline([(shelf(), None)], connection())
    assert "CicdScope" in raised.value.hint


def test_extra_tasks_follow_in_the_scopes_stage_and_extra_stages_after_all():
    class More(Shop):
        def extra_tasks(self, scope, config, connection):
            return [gitextractor("https://x/y.git", "y", scope, connection.proxy)]

        def extra_stages(self, pairs, connection):
            return [[refdiff(scope, RefDiffOptions(tags_limit=3)) for scope, _ in pairs]]

    plan = More().make_pipeline([(shelf("a"), None)], connection()).as_dict()["plan"]
    assert [[task["plugin"] for task in stage] for stage in plan] == [
        ["shop", "gitextractor"],
        ["refdiff"],
    ]
    assert plan[0][1]["options"] == {
        "url": "https://x/y.git",
        "name": "y",
        "repoId": "shop:Shelf:3:a",
        "proxy": None,
        "noShallowClone": False,
    }
    assert plan[1][0]["options"]["repoId"] == "shop:Shelf:3:a"
    assert plan[1][0]["options"]["tagsLimit"] == 3


def test_refdiff_with_the_tools_own_id_gets_the_domain_id():
    class Mistaken(Shop):
        def extra_stages(self, pairs, connection):
            return [[refdiff(scope.id) for scope, _ in pairs]]

    plan = Mistaken().make_pipeline([(shelf("a"), None)], connection()).plan
    assert plan[1][0].options["repoId"] == "shop:Shelf:3:a"


def test_the_recorded_pipeline_is_that_of_ours():
    recorded = next(call for call in SAMPLES if call["method"] == "make-pipeline")
    _, [[scope, config]], values = recorded["argv"]
    plugin = FakePlugin()
    pairs = [(FakeProject.model_validate(scope), FakeScopeConfig.model_validate(config))]
    ours = plugin.make_pipeline(pairs, FakeConnection.model_validate(values)).as_dict()
    [theirs] = recorded["fd3"]
    assert ours["plan"] == theirs["plan"]
    decoded = [
        [{**scope, "data": json.loads(scope["data"])} for scope in pipeline["scopes"]]
        for pipeline in (ours, theirs)
    ]
    assert decoded[0] == decoded[1]
