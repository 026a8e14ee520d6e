"""A data source that says another name than its entry point."""

import devlake_core as dl


class Connection(dl.Connection):
    pass


class Scope(dl.ToolScope, table=True):
    pass


class MisnamedPlugin(dl.Plugin):
    connection_type = Connection
    tool_scope_type = Scope
    name = "othername"
