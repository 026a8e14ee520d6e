"""A data source whose hook wants an argument that there is not."""

import devlake_core as dl


class Connection(dl.Connection):
    pass


class Scope(dl.ToolScope, table=True):
    pass


class MisfitPlugin(dl.Plugin):
    connection_type = Connection
    tool_scope_type = Scope

    @dl.hookimpl
    def devlake_before_request(self, request):
        request.headers["X-Never"] = "set"
