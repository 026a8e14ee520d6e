"""A data source that registers without end."""

import devlake_core as dl


class Connection(dl.Connection):
    pass


class Scope(dl.ToolScope, table=True):
    pass


class FloodPlugin(dl.Plugin):
    connection_type = Connection
    tool_scope_type = Scope

    @dl.hookimpl
    def devlake_paginators(self):
        number = 0
        while True:
            number += 1
            yield f"p{number}", object
