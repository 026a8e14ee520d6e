"""A data source of the tests: one stream over a small HTTP API."""

import devlake_core as dl
from devlake_core.domain import ticket


class AlphaConnection(dl.Connection):
    endpoint: str
    token: dl.SecretStr


class AlphaBoard(dl.ToolScope, table=True):
    url: str | None = None


class Issue(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    subject: str


class AlphaAPI(dl.API):
    paginator = dl.TokenPaginator("items", "next", "page")
    auth = dl.auth.APIKey(header="X-Api-Key", field="token")


class Issues(dl.RestStream[Issue]):
    domain_types = [dl.DomainType.TICKET]
    domain_models = [ticket.Issue]

    def request(self, ctx):
        return dl.Request("/issues", {"board": ctx.scope.id})

    def convert(self, issue, ctx):
        yield ticket.Issue(title=issue.subject)


class AlphaPlugin(dl.Plugin):
    connection_type = AlphaConnection
    tool_scope_type = AlphaBoard
    api_type = AlphaAPI
    streams = [Issues]

    def domain_scopes(self, scope):
        yield ticket.Board(name=scope.name)

    def remote_scopes(self, connection, group_id):
        for item in AlphaAPI(connection).get("boards").json["items"]:
            yield AlphaBoard(id=str(item["id"]), name=item["name"])

    def test_connection(self, connection):
        return dl.TestConnectionResult.from_api_response(AlphaAPI(connection).get("me"))
