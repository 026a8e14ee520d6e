"""Create the tables of connections, repositories, commits, accounts and refs."""

import devlake_core as dl


@dl.migration(20261124000001, name="create the tables of gitrepo")
def create_tables(builder: dl.MigrationScriptBuilder) -> None:
    """Create all tables as they were at the first release."""

    class GitRepoConnection(dl.Connection):
        pass

    class Repository(dl.ToolScope):
        path: str
        url: str | None = None

    class Commit(dl.ToolModel):
        sha: str = dl.Field(primary_key=True, max_length=40)
        message: str
        author_id: str | None = dl.Field(default=None, max_length=255)
        author_name: str | None = dl.Field(default=None, max_length=255)
        author_email: str | None = dl.Field(default=None, max_length=255)
        authored_date: dl.AwareDatetime | None = None
        committer_id: str | None = dl.Field(default=None, max_length=255)
        committer_name: str | None = dl.Field(default=None, max_length=255)
        committer_email: str | None = dl.Field(default=None, max_length=255)
        committed_date: dl.AwareDatetime | None = None
        additions: int | None = None
        deletions: int | None = None
        files_left_out: int = 0

    class CommitParent(dl.ToolModel):
        commit_sha: str = dl.Field(primary_key=True, max_length=40)
        parent_sha: str = dl.Field(primary_key=True, max_length=40)
        position: int

    class CommitFile(dl.ToolModel):
        commit_sha: str = dl.Field(primary_key=True, max_length=40)
        id: str = dl.Field(primary_key=True, max_length=64)
        path: str
        additions: int
        deletions: int

    class RepositoryCommit(dl.ToolModel):
        repository_id: str = dl.Field(primary_key=True, max_length=255)
        sha: str = dl.Field(primary_key=True, max_length=40)

    class Account(dl.ToolModel):
        id: str = dl.Field(primary_key=True, max_length=255)
        name: str = dl.Field(max_length=255)
        email: str = dl.Field(max_length=255)

    class Ref(dl.ToolModel):
        repository_id: str = dl.Field(primary_key=True, max_length=255)
        id: str = dl.Field(primary_key=True, max_length=64)
        ref: str
        name: str
        ref_type: str = dl.Field(max_length=255)
        commit_sha: str | None = dl.Field(default=None, max_length=40)
        is_default: bool

    builder.create_tables(
        *(GitRepoConnection, Repository, Commit, CommitParent, CommitFile),
        *(RepositoryCommit, Account, Ref),
    )
