"""What a stream's class says of itself: name, model, kinds of data."""

from typing import Any, Generic, TypeVar

import pytest

import devlake_core.model as m
from devlake_core.domain import code, devops, ticket
from devlake_core.model import DomainType
from devlake_core.stream import Context, RestStream, RestSubstream, Stream, Substream
from devlake_core.stream.base import takes_context

__devlake_plugin__ = "kinds"


class Issue(m.ToolModel, table=True):
    id: int = m.Field(primary_key=True)


class Comment(m.ToolModel, table=True):
    id: int = m.Field(primary_key=True)


T = TypeVar("T")


class Base(Stream[T], Generic[T]):
    """An author's own base."""


class Issues(Stream[Issue]):
    pass


class Comments(Substream[Comment, Issue]):
    parent_stream = Issues


class OwnIssues(Base[Issue]):
    pass


class RestIssues(RestStream[Issue]):
    pass


class RestComments(RestSubstream[Comment, Issue]):
    parent_stream = RestIssues


class Old(Stream):
    tool_model = Issue


class Heir(Issues):
    pass


@pytest.mark.parametrize(
    ("stream", "model"),
    [
        (Issues, Issue),
        (Comments, Comment),
        (OwnIssues, Issue),
        (RestIssues, Issue),
        (RestComments, Comment),
        (Old, Issue),
        (Heir, Issue),
        (Stream, None),
    ],
)
def test_model_follows_from_the_brackets_or_the_attribute(stream: Any, model: Any) -> None:
    assert stream.tool_model is model


def test_names_follow_from_the_class() -> None:
    assert Issues("kinds").name == "issues"
    assert Heir("kinds").name == "heir"
    assert Issues("kinds").qualified_name == "kinds_issues"
    assert Issues("kinds").raw_model_table == "_raw_kinds_issues"


def test_name_may_be_said() -> None:
    class Things(Stream):
        name = "stuff"

    assert Things("kinds").raw_model_table == "_raw_kinds_stuff"


def test_stream_that_reads_anothers_raw_rows_has_no_table_of_its_own() -> None:
    class Labels(Stream[Comment]):
        raw_from, records = Issues, "/labels"

    labels = Labels("kinds")
    assert labels.raw_model_table == "_raw_kinds_issues"
    assert not labels.collects
    assert Issues("kinds").collects


@pytest.mark.parametrize(
    ("models", "kinds"),
    [
        ([ticket.Issue, ticket.BoardIssue], [DomainType.TICKET]),
        ([devops.CICDPipeline, ticket.Issue], [DomainType.CICD, DomainType.TICKET]),
        ([code.PullRequest], [DomainType.CODE_REVIEW]),
        ([code.Commit], [DomainType.CODE]),
        ([], list(DomainType)),
    ],
)
def test_kinds_of_data_follow_from_the_domain_models(models: Any, kinds: Any) -> None:
    class Some(Stream[Issue]):
        domain_models = models

    assert Some("kinds").effective_domain_types == kinds


def test_said_kinds_of_data_win() -> None:
    class Some(Stream[Issue]):
        domain_models = [ticket.Issue]
        domain_types = [DomainType.CROSS]

    assert Some("kinds").effective_domain_types == [DomainType.CROSS]


def test_what_is_not_written_is_told() -> None:
    with pytest.raises(NotImplementedError, match=r"'issues' has no collect\(\)"):
        Issues("kinds").collect({}, None)
    with pytest.raises(NotImplementedError, match=r"'comments' has no collect\(\)"):
        Comments("kinds").collect({}, None, None)
    with pytest.raises(NotImplementedError, match=r"'restissues' has no request\(\)"):
        RestIssues("kinds").request(None)


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (lambda raw: raw, False),
        (lambda raw, ctx: raw, True),
        (lambda *args: args, True),
        (lambda raw, *, mode=1: raw, False),
    ],
)
def test_authors_methods_may_take_the_context(function: Any, takes: bool) -> None:
    assert takes_context(function, 1) is takes


def test_context_gives_domain_ids_and_says_things_once() -> None:
    ctx: Context = Context(None, m.Connection(id=4, name="c"), None, m.ScopeConfig())
    assert ctx.domain_id(Issue, 3) == "kinds:Issue:4:3"
    assert ctx.domain_id(Issue, None) is None
    ctx.warn("a")
    ctx.warn("a")
    assert list(ctx.warnings) == ["a"]
    with pytest.raises(RuntimeError, match="no database"):
        _ = ctx.store
    with pytest.raises(TypeError, match="api_type"):
        _ = ctx.api
