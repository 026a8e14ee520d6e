import devlake_core as dl


@dl.migration(20261124000001, name="create the tables of tracker")
def create_tables(builder: dl.MigrationScriptBuilder):
    class TrackerConnection(dl.Connection):
        endpoint: str
        token: dl.SecretStr
        page_size: int = 50

    class Board(dl.ToolScope):
        url: str | None = None

    class TrackerConfig(dl.ScopeConfig):
        prefix: str = ""
        labels: list[str] = []

    class Issue(dl.ToolModel):
        id: int = dl.Field(primary_key=True)
        subject: str

    class Comment(dl.ToolModel):
        id: int = dl.Field(primary_key=True)
        issue_id: int
        body: str

    builder.create_tables(TrackerConnection, Board, TrackerConfig, Issue, Comment)
