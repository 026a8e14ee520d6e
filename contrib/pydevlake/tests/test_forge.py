"""A plugin written as DevLake's own for Azure DevOps was: its idioms work."""

from __future__ import annotations

import json

import pytest
from sqlmodel import Session, select

from devlake_core.migration import migrate
from devlake_core.store import Store, raw_table
from pydevlake import Context
from pydevlake.domain_layer import devops
from pydevlake.model import SubtaskRun
from pydevlake.testing import (
    ContextBuilder,
    assert_plugin_run,
    assert_stream_convert,
    assert_valid_plugin,
)
from tests.web import Answer, serving

# It has `@validator` and the like.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")

REPOSITORY = {
    "id": "r1",
    "name": "R",
    "url": "https://me:pw@forge.example/r1",
    "defaultBranch": "main",
    "parent": {"url": "https://forge.example/r0"},
    "size": 17,
}
BUILDS = [
    {
        "id": 1,
        "definition": {"name": "ci"},
        "status": "completed",
        "startTime": "2023-02-25T06:22:32.8097789Z",
        "sourceVersion": "a" * 40,
    },
    {"id": 2, "definition": {"name": "cd"}, "status": "inProgress", "sourceVersion": "b" * 40},
]
JOBS = {1: [{"id": "j1", "name": "Build", "result": None}], 2: [{"id": "j2", "name": "Deploy"}]}


@pytest.fixture
def forge(load):
    return load("forge")


def builds_page(asked):
    """Answer one build a page."""
    first = "continuation" not in asked.query
    headers = {"x-continuation": "2"} if first else {}
    return Answer({"value": BUILDS[:1] if first else BUILDS[1:]}, headers=headers)


@pytest.fixture
def tool():
    with serving() as web:
        web.on("/profile", {"projects": ["p"]})
        no_branch = {**REPOSITORY, "id": "r2", "defaultBranch": None}
        web.on("/p/repositories", {"value": [no_branch, REPOSITORY]})
        web.on("/r1/builds", builds_page)
        for number, jobs in JOBS.items():
            web.on(f"/r1/builds/{number}/jobs", {"records": jobs})
        yield web


@pytest.fixture
def connection(forge, tool):
    return forge.connection_type(id=1, name="c", token=" t0ken ", organization=tool.url)


@pytest.fixture
def ctx(forge, connection, db_url):
    store = Store.open(db_url)
    migrate(store, [forge])
    scope = forge.tool_scope_type(**REPOSITORY, connection_id=1)
    config = forge.scope_config_type(deployment_pattern="^deploy", refdiff={"tags_limit": 3})
    yield Context(store, connection, scope, config)
    store.close()


def test_it_is_valid_and_runs_from_connection_to_rows(forge, connection):
    assert_valid_plugin(forge)
    assert_plugin_run(forge, connection)


def test_its_names_follow_from_class_and_folder(forge):
    assert forge.name == "forge"
    assert [meta.name for meta in forge.subtasks] == [
        f"{verb} {stream}"
        for stream in ("Builds", "Jobs")
        for verb in ("Collect", "Extract", "Convert")
    ]
    tables = [info["table_name"] for info in forge.plugin_info()["tool_model_infos"]]
    assert tables == ["_tool_forge_builds", "_tool_forge_jobs"]
    assert [script.version for script in forge.migration_scripts()] == [
        20230501000001,
        20230524181430,
    ]


def test_a_pattern_and_a_nested_model_of_a_config_are_announced_as_they_were(forge):
    properties = forge.plugin_info()["scope_config_model_info"]["json_schema"]["properties"]
    assert properties["deploymentPattern"] == {
        "title": "Deploymentpattern",
        "type": "string",
        "format": "regex",
    }
    assert (properties["refdiff"]["title"], properties["refdiff"]["type"]) == (
        "RefDiffOptions",
        "object",
    )


def test_its_scopes_are_listed_with_what_its_class_does_not_know_left_out(
    forge, connection, caplog
):
    assert [item.as_dict() for item in forge.make_remote_scopes(connection)] == [
        {"id": "p", "name": "P", "type": "group"}
    ]
    [scope] = [item.as_dict() for item in forge.make_remote_scopes(connection, "p")]
    assert scope["data"] == {
        "_raw_data_params": '{"ConnectionId":1,"ScopeId":"r1"}',
        "_raw_data_table": "_raw_forge_scopes",
        "connectionId": 1,
        "id": "r1",
        "name": "R",
        "url": "https://forge.example/r1",
        "defaultBranch": "main",
        "parentUrl": "https://forge.example/r0",
    }


def test_its_plan_has_tasks_of_the_servers_plugins(forge, ctx):
    pipeline = forge.make_pipeline([(ctx.scope, ctx.scope_config)], ctx.connection).as_dict()
    assert [[task["plugin"] for task in stage] for stage in pipeline["plan"]] == [
        ["forge", "gitextractor"],
        ["refdiff"],
    ]
    [[refdiff]] = pipeline["plan"][1:]
    assert refdiff["options"]["repoId"] == "forge:Repository:1:r1"
    assert refdiff["options"]["tagsLimit"] == 3
    kinds = [(scope["type_name"], json.loads(scope["data"])["id"]) for scope in pipeline["scopes"]]
    assert kinds == [("Repo", "forge:Repository:1:r1"), ("CicdScope", "forge:Repository:1:r1")]


def test_a_refused_connection_is_answered(forge, connection, tool):
    tool.on("/profile", Answer({}, status=203))
    result = forge.test_connection(connection)
    assert (result.success, result.status, result.message) == (False, 401, "Invalid token")


def rows(ctx, table, *names):
    with ctx.store.reading() as reading:
        found = reading.exec_driver_sql(f"SELECT {', '.join(names)} FROM {table}").all()
    return sorted(map(tuple, found))


def test_its_streams_run_with_relationships_validators_and_ids(forge, ctx, tool):
    for stream in ("builds", "jobs"):
        list(forge.collect(ctx, stream))
        list(forge.extract(ctx, stream))
    for stream in ("builds", "jobs"):
        list(forge.convert(ctx, stream))
    assert rows(ctx, "_tool_forge_jobs", "id", "build_id", "name", "title") == [
        ("j1", 1, "build", "Build"),
        ("j2", 2, "deploy", "Deploy"),
    ]
    assert rows(ctx, "cicd_pipelines", "id", "name", "status", "original_status") == [
        ("forge:Build:1:1", "ci", "DONE", "Completed"),
        ("forge:Build:1:2", "cd", "IN_PROGRESS", "InProgress"),
    ]
    # The builds' jobs, and each job's build, were loaded through the relationship.
    assert rows(ctx, "cicd_pipeline_commits", "pipeline_id", "branch") == [
        ("forge:Build:1:1", "build"),
        ("forge:Build:1:2", "deploy"),
    ]
    assert rows(ctx, "cicd_tasks", "id", "name", "type", "original_status", "pipeline_id") == [
        ("forge:Job:1:j1:1", "Build", "BUILD", "ci", "forge:Build:1:1"),
        ("forge:Job:1:j2:2", "Deploy", "DEPLOYMENT", "cd", "forge:Build:1:2"),
        ("forge:second:j1", "again", None, None, None),
        ("forge:second:j2", "again", None, None, None),
    ]
    assert {asked.headers["Authorization"] for asked in tool.asked} == {"Basic t0ken"}
    url, given = rows(ctx, "_raw_forge_jobs", "url", "input")[0]
    assert url == f"{tool.url}/r1/builds/1/jobs"
    assert json.loads(given)["build_id"] == 1


def test_its_streams_convert_as_its_own_tests_say(forge):
    expected = [
        devops.CICDPipeline(
            name="ci",
            status=devops.CICDStatus.DONE,
            original_status="Completed",
            created_date="2023-02-25T06:22:32.8097789Z",
            cicd_scope_id="forge:Repository:1:s",
        ),
        devops.CiCDPipelineCommit(pipeline_id="forge:Build:1:1", commit_sha="a" * 40, branch=""),
    ]
    ctx = (
        ContextBuilder(forge)
        .with_connection(token="t")
        .with_scope(url="https://forge.example/s")
        .build()
    )
    assert_stream_convert(forge, "builds", BUILDS[0], expected, ctx)


def test_raw_rows_and_runs_can_be_read_in_a_session(forge, ctx):
    stream = forge.get_stream("builds")
    list(stream.collector.run(ctx))
    with Session(ctx.engine) as session:
        raw = stream.raw_model(session)
        assert [
            json.loads(row.data)["id"] for row in session.exec(select(raw).order_by(raw.id))
        ] == [1, 2]
        assert raw.__tablename__ == raw_table("_raw_forge_builds").name
        [run] = session.exec(select(SubtaskRun))
        assert (run.subtask_name, run.connection_id) == ("Collect Builds", 1)
        build = forge.get_stream("builds").tool_model
        assert session.exec(select(build).where(build.name == "ci")).all() == []
