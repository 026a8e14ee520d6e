"""Rows of the domain layer: what their constructors take, and what comes back from a database."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from sqlalchemy import Column, create_engine, select
from sqlalchemy.schema import CreateTable

from devlake_core import domain
from devlake_core.domain import code, codequality, crossdomain, devops, other, qa, ticket
from devlake_core.model import DomainModel, DomainScope, DomainTable, NoPKModel, row_maker
from devlake_core.store import Store
from devlake_core.store.bulk import Writer

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)


def sample(model: type[DomainTable], name: str) -> Any:
    """Return a value for a field, by its type."""
    kinds = get_args(model.model_fields[name].annotation) or (model.model_fields[name].annotation,)
    if datetime in kinds:
        return NOW
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Enum):
            return next(iter(kind))
    values = {str: f"ünï {name}"[:20], bool: True, int: 2**40, float: 1.25}
    return next((values[kind] for kind in values if kind in kinds), {"a": [1, None]})


def keys(model: type[DomainTable]) -> dict[str, Any]:
    """Return values for the fields that a row cannot be without."""
    wanted = {column.key for column in model.__table__.primary_key}
    needed = {name for name, info in model.model_fields.items() if info.is_required()}
    return {name: sample(model, name) for name in wanted | needed}


@pytest.mark.parametrize("model", domain.tables(), ids=lambda model: model.__name__)
def test_a_row_needs_its_keys_alone(model: type[DomainTable]) -> None:
    row = model(**keys(model))
    assert pickle.loads(pickle.dumps(row)) == row
    required = {name for name, info in model.model_fields.items() if info.is_required()}
    columns = {column.key for column in model.__table__.columns if not column.nullable}
    assert required <= columns
    for column in model.__table__.primary_key:
        numbered = column.key == "id" and issubclass(model, DomainModel | other.DoraBenchmark)
        assert (column.key in required) is not numbered


def test_every_table_keeps_what_it_is_given(db_url: str) -> None:
    store = Store.open(db_url)
    with store.transaction() as connection:
        domain.metadata.create_all(connection)
    # The month's time has no zone: it is DevLake's server that fills it.
    left_out = {"created_at", "updated_at", "month_timestamp"}
    for model in domain.tables():
        names = [column.key for column in model.__table__.columns if column.key not in left_out]
        row = model(**{name: sample(model, name) for name in names})
        writer = Writer(store, model.__table__, stamp=NOW)
        with store.transaction() as connection:
            written = writer.upsert(
                connection, [tuple(getattr(row, column.key) for column in writer.columns)]
            )
        assert not written.rejected, model
        make = row_maker(model, tuple(column.key for column in model.__table__.columns))
        with store.reading() as connection:
            found = make(connection.execute(select(model.__table__)).one())
        assert {name: getattr(found, name) for name in names} == {
            name: getattr(row, name) for name in names
        }, model
    store.close()


def test_pull_request_comments_have_their_own_table() -> None:
    assert code.PullRequestComment.__tablename__ == "pull_request_comments"
    assert len({model.__tablename__ for model in domain.tables()}) == len(domain.tables())


def test_a_project_is_mapped_in_the_singular() -> None:
    assert crossdomain.ProjectMapping.__tablename__ == "project_mapping"


def test_a_commit_has_text_for_an_address_and_numbers_for_lines() -> None:
    commit = code.Commit(sha="a", author_email="x@example.org", additions=3, deletions=4)
    assert (commit.author_email, commit.additions, commit.deletions) == ("x@example.org", 3, 4)
    with pytest.raises(ValidationError, match="additions"):
        code.Commit(sha="a", additions="many")


@pytest.mark.parametrize("model", [code.CommitsDiff, code.RefCommit, code.Component])
def test_tables_without_origin_have_no_such_column(model: type[DomainTable]) -> None:
    assert not issubclass(model, NoPKModel)
    assert not {"raw_data_params", "created_at", "id"} & set(model.model_fields)


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (code.CommitParent, ["commit_sha", "parent_commit_sha"]),
        (code.PullRequestLabel, ["pull_request_id", "label_name"]),
        (crossdomain.ProjectIncidentDeploymentRelationship, ["id", "project_name"]),
    ],
)
def test_a_commit_has_two_parents_and_a_pull_request_two_labels(
    model: type[DomainTable], key: list[str]
) -> None:
    assert [column.key for column in model.__table__.primary_key] == key


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (crossdomain.ProjectPrMetric, ["pr_pickup_time", "deployment_commit_id"]),
        (
            code.PullRequest,
            ["merged_by_name", "merged_by_id", "additions", "deletions", "is_draft"],
        ),
        (devops.CICDPipeline, ["is_child"]),
        (devops.CiCDPipelineCommit, ["commit_msg"]),
        (crossdomain.IssueRepoCommit, ["host", "namespace", "repo_name"]),
    ],
)
def test_columns_that_pydevlake_lacked_are_there(
    model: type[DomainTable], names: list[str]
) -> None:
    assert set(names) <= set(model.model_fields)


def test_cicd_scopes_take_the_spelling_of_pydevlake_too() -> None:
    old = devops.CicdScope(name="x", createdDate=NOW)
    assert old == devops.CicdScope(name="x", created_date=NOW)
    assert old.created_date == NOW


@pytest.mark.parametrize(
    "model", [code.Repo, ticket.Board, devops.CicdScope, codequality.CqProject]
)
def test_scopes_of_the_server_are_domain_scopes(model: type[DomainTable]) -> None:
    assert issubclass(model, DomainScope)


def test_tables_named_by_several_records_are_shared() -> None:
    shared = {str(model.__tablename__) for model in domain.tables() if model.__shared__}
    assert shared == {
        *("accounts", "users", "teams", "team_users", "user_accounts"),
        *("commits", "commit_parents", "commit_files", "commit_file_components"),
        *("commit_line_change", "components", "refs", "cicd_releases", "sprints"),
        *("repos", "boards", "cicd_scopes", "cq_projects"),
    }


def test_fixed_values_are_checked_and_free_ones_are_not() -> None:
    task = devops.CICDTask(result="SUCCESS", status=devops.CICDStatus.DONE, environment="qa-3")
    assert task.result is devops.CICDResult.SUCCESS
    with pytest.raises(ValidationError, match="IN_PROGRESS"):
        devops.CICDTask(status="done")
    issue = ticket.Issue(status=ticket.IssueStatus.DONE, type="EPIC")
    assert (issue.status, issue.type) == ("DONE", "EPIC")


def test_too_long_a_text_is_no_matter_of_the_constructor() -> None:
    assert ticket.Issue(url="u" * 300).url == "u" * 300


def test_a_misspelt_field_is_named() -> None:
    with pytest.raises(ValidationError, match="titel"):
        ticket.Issue(titel="x")


def test_old_and_new_spellings_are_one_class() -> None:
    assert code.PullRequestLabels is code.PullRequestLabel
    assert code.RefsPrCherrypick is code.RefsPrCherryPick


def test_columns_are_found_on_the_class() -> None:
    assert isinstance(ticket.Issue.title, Column)
    statement = select(ticket.Issue.id).where(crossdomain.ProjectMapping.table == "boards")
    assert "project_mapping" in str(statement)


def test_a_test_case_has_a_long_id() -> None:
    ddl = str(CreateTable(qa.QaTestCase.__table__))
    assert "id VARCHAR(500) NOT NULL" in ddl


def test_one_domain_is_imported_without_the_others() -> None:
    program = (
        "import sys; from devlake_core.domain import code; "
        "print(*sorted(n for n in sys.modules if n.startswith('devlake_core.domain.')))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    others = {f"devlake_core.domain.{name}" for name in domain.MODULES} - {
        "devlake_core.domain.code"
    }
    assert "devlake_core.domain.code" in answer.stdout.split()
    assert not others & set(answer.stdout.split())


def test_an_unknown_module_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="security"):
        domain.security  # noqa: B018


def test_indexes_are_named_as_the_server_names_them(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    table = devops.CICDTask.__table__
    table.create(engine)
    assert {index.name for index in table.indexes} == {
        "idx_cicd_tasks_pipeline_id",
        "idx_cicd_tasks_raw_data_params",
    }
    engine.dispose()
