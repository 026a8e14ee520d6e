"""A data source that takes the name of one of the server's plugins."""

raise AssertionError("a reserved name is never imported")
