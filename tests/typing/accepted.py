"""A plugin in both spellings: types in brackets, and types as class attributes or properties."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import devlake_core as dl
from devlake_core.domain import devops, ticket


class TrackerConnection(dl.Connection):
    endpoint: str
    token: dl.SecretStr


class TrackerConfig(devops.DeploymentPatterns, dl.ScopeConfig):
    points_field: str | None = None


class Project(dl.ToolScope, table=True):
    url: str


class Issue(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    title: str
    status: str = dl.Field(source="/status/name")
    opened_at: dl.AwareDatetime | None = None


class Comment(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    issue_id: int = dl.Field(parent="id")
    body: str


class TrackerAPI(dl.API):
    auth = dl.auth.APIKey(header="X-Key", field="token")
    paginator = dl.TokenPaginator("items", "next", "page")
    check = "/me"

    @dl.request_hook
    def say_who(self, request: dl.Request) -> None:
        request.headers["User-Agent"] = "tracker"

    @dl.response_hook
    def slow_down(self, response: dl.Response) -> dl.Resolution | None:
        return dl.Resolution.rate_limited() if b"slow" in response.body else None


Ctx = dl.Context[TrackerConnection, Project, TrackerConfig, TrackerAPI]


class Issues(dl.RestStream[Issue]):
    domain_types = [dl.DomainType.TICKET]
    domain_models = [ticket.Issue, ticket.BoardIssue]
    cursor = dl.Cursor("/updated_at", order="asc")

    def request(self, ctx: Ctx) -> dl.Request:
        return dl.Request(["projects", ctx.scope.id, "issues"], {"since": ctx.since})

    def extract(self, raw: dl.JSON, ctx: Ctx) -> dl.JSON:
        return {**raw, "points": raw.get(ctx.scope_config.points_field)}

    def convert(self, issue: Issue, ctx: Ctx) -> dl.Rows:
        yield ticket.Issue(title=issue.title, created_date=issue.opened_at)
        yield ticket.BoardIssue(board_id=ctx.scope.domain_id(), issue_id=issue.domain_id())


class Comments(dl.RestSubstream[Comment, Issue]):
    parent_stream = Issues

    def request(self, ctx: Ctx, issue: Issue) -> dl.Request:
        return dl.Request(["issues", issue.id, "comments"])

    def convert(self, comment: Comment, ctx: Ctx) -> ticket.IssueComment:
        return ticket.IssueComment(
            issue_id=ctx.domain_id(Issue, comment.issue_id), body=comment.body
        )


class Labels(dl.Stream[Comment]):
    raw_from, records = Issues, "/labels"

    def convert(self, row: Comment, ctx: Ctx) -> ticket.IssueLabel:
        return ticket.IssueLabel(issue_id=ctx.domain_id(Issue, row.issue_id), label_name=row.body)


class OldIssues(dl.Stream):
    tool_model = Issue
    domain_models = [ticket.Issue]

    def collect(self, state: dict[str, Any], context: Ctx) -> Iterator[tuple[Any, dict[str, Any]]]:
        for record in TrackerAPI(context.connection).get("issues").json:
            yield record, state

    def extract(self, raw_data: dict[str, Any]) -> Issue:
        return Issue(id=raw_data["ID"], title=raw_data["Title"], status="open")

    def convert(self, issue: Issue, context: Ctx) -> Iterable[ticket.Issue]:
        yield ticket.Issue(title=issue.title)


class OldComments(dl.Substream):
    tool_model = Comment
    parent_stream = OldIssues

    @property
    def domain_types(self) -> list[dl.DomainType]:
        return [dl.DomainType.TICKET]

    def collect(
        self, state: dict[str, Any], context: Ctx, parent: Issue
    ) -> Iterator[tuple[Any, dict[str, Any]]]:
        yield {"id": parent.id}, state


class TrackerPlugin(dl.Plugin):
    connection_type, api_type = TrackerConnection, TrackerAPI
    tool_scope_type, scope_config_type = Project, TrackerConfig
    streams = [Issues, Comments, Labels]

    def domain_scopes(self, project: Project) -> Iterable[dl.DomainScope]:
        yield ticket.Board(name=project.name, url=project.url)

    def remote_scopes(self, connection: TrackerConnection, group_id: str) -> Iterable[Project]:
        for page in TrackerAPI(connection).pages(dl.Request("projects")):
            yield from (Project(id=p["id"], name=p["name"], url=p["url"]) for p in page.records)

    def remote_scope_groups(self, connection: TrackerConnection) -> Iterable[dl.RemoteScopeGroup]:
        for group in TrackerAPI(connection).get("groups"):
            yield dl.RemoteScopeGroup(id=group["id"], name=group["name"])


class OldPlugin(dl.Plugin):
    @property
    def name(self) -> str:
        return "oldtracker"

    @property
    def connection_type(self) -> type[TrackerConnection]:
        return TrackerConnection

    @property
    def tool_scope_type(self) -> type[Project]:
        return Project

    @property
    def streams(self) -> list[type[dl.Stream]]:
        return [OldIssues, OldComments]

    def test_connection(self, connection: TrackerConnection) -> dl.TestConnectionResult:
        response = TrackerAPI(connection).get("me")
        return dl.TestConnectionResult.from_api_response(response)


@dl.migration(20260101000000, name="create the tables of tracker")
def create_tables(builder: dl.MigrationScriptBuilder) -> None:
    class Issue(dl.ToolModel):
        id: int = dl.Field(primary_key=True)
        title: str

    builder.create_tables(Issue)
    builder.execute("SELECT 1", dl.Dialect.SQLITE)


config = TrackerConfig(points_field="points")
opened: datetime | None = Issue(id=1, title="x", status="open").opened_at
