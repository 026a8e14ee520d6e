"""A data source over HTTP, for the tests of the command line."""

import devlake_core as dl
from devlake_core.domain import ticket


class TrackerConnection(dl.Connection):
    endpoint: str
    token: dl.SecretStr
    page_size: int = 50


class Board(dl.ToolScope, table=True):
    url: str | None = None


class TrackerConfig(dl.ScopeConfig, table=True):
    prefix: str = ""
    labels: list[str] = []


class Issue(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    subject: str


class Comment(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    issue_id: int = dl.Field(parent="id")
    body: str


class TrackerAPI(dl.API):
    paginator = dl.TokenPaginator("items", "next", "page")
    auth = dl.auth.APIKey(header="X-Api-Key", field="token")
    retry_seconds = 0.01


class Issues(dl.RestStream[Issue]):
    domain_types = [dl.DomainType.TICKET]
    domain_models = [ticket.Issue]

    def request(self, ctx):
        return dl.Request("/issues", {"board": ctx.scope.id})

    def convert(self, issue, ctx):
        yield ticket.Issue(title=f"{ctx.scope_config.prefix}{issue.subject}")


class Comments(dl.RestSubstream[Comment, Issue]):
    parent_stream = Issues
    domain_types = [dl.DomainType.TICKET]
    domain_models = [ticket.IssueComment]

    def request(self, ctx, issue):
        return dl.Request(f"/issues/{issue.id}/comments")

    def convert(self, comment, ctx):
        yield ticket.IssueComment(
            body=comment.body, issue_id=ctx.domain_id(Issue, comment.issue_id)
        )


class TrackerPlugin(dl.Plugin):
    description = "issues of a small tracker"
    connection_type = TrackerConnection
    tool_scope_type = Board
    scope_config_type = TrackerConfig
    api_type = TrackerAPI
    streams = [Comments, Issues]

    def domain_scopes(self, board):
        yield ticket.Board(name=board.name, url=board.url)

    def extra_tasks(self, board, config, connection):
        return [dl.PipelineTask("gitextractor", options={"repoId": board.id})]

    def remote_scope_groups(self, connection):
        for item in TrackerAPI(connection).get("groups").json["items"]:
            yield dl.RemoteScopeGroup(id=item["id"], name=item["name"])

    def remote_scopes(self, connection, group_id):
        for item in TrackerAPI(connection).get("groups", group_id, "boards"):
            yield Board(id=str(item["id"]), name=item["name"], url=f"http://t/{item['id']}")

    def test_connection(self, connection):
        return dl.TestConnectionResult.from_api_response(TrackerAPI(connection).get("me"))
