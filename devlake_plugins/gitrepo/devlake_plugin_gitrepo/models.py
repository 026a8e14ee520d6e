"""Connection, scope and tool rows of git repositories."""

import devlake_core as dl

_SHA = 40
_KEY = 255


class GitRepoConnection(dl.Connection):
    """Need nothing: repositories are folders of this machine."""


class Repository(dl.ToolScope, table=True):
    """Be one repository; its id is its path."""

    path: str
    url: str | None = None


class Commit(dl.ToolModel, table=True, shared=True):
    """Be one commit, the same in every repository that has it."""

    sha: str = dl.Field(primary_key=True, max_length=_SHA)
    message: str
    author_id: str | None = dl.Field(default=None, source="/author/id", max_length=_KEY)
    author_name: str | None = dl.Field(default=None, source="/author/name", max_length=_KEY)
    author_email: str | None = dl.Field(default=None, source="/author/email", max_length=_KEY)
    authored_date: dl.AwareDatetime | None = None
    committer_id: str | None = dl.Field(default=None, source="/committer/id", max_length=_KEY)
    committer_name: str | None = dl.Field(default=None, source="/committer/name", max_length=_KEY)
    committer_email: str | None = dl.Field(default=None, source="/committer/email", max_length=_KEY)
    committed_date: dl.AwareDatetime | None = None
    additions: int | None = None
    deletions: int | None = None
    files_left_out: int = 0


class CommitParent(dl.ToolModel, table=True, shared=True):
    """Be one of the commits that a commit came from."""

    commit_sha: str = dl.Field(primary_key=True, parent="sha", max_length=_SHA)
    parent_sha: str = dl.Field(primary_key=True, source="/sha", max_length=_SHA)
    position: int


class CommitFile(dl.ToolModel, table=True, shared=True):
    """Be one file that a commit changed; its id is the hash of its path."""

    commit_sha: str = dl.Field(primary_key=True, parent="sha", max_length=_SHA)
    id: str = dl.Field(primary_key=True, max_length=64)
    path: str
    additions: int
    deletions: int


class RepositoryCommit(dl.ToolModel, table=True):
    """Say that a repository has a commit."""

    repository_id: str = dl.Field(primary_key=True, scope="id", max_length=_KEY)
    sha: str = dl.Field(primary_key=True, max_length=_SHA)


class Account(dl.ToolModel, table=True, shared=True):
    """Be an author or committer; the id is the mail address, else the name."""

    id: str = dl.Field(primary_key=True, max_length=_KEY)
    name: str = dl.Field(max_length=_KEY)
    email: str = dl.Field(max_length=_KEY)


class Ref(dl.ToolModel, table=True):
    """Be a branch or tag; its id is the hash of its full name."""

    repository_id: str = dl.Field(primary_key=True, scope="id", max_length=_KEY)
    id: str = dl.Field(primary_key=True, max_length=64)
    ref: str
    name: str
    ref_type: str = dl.Field(max_length=_KEY)
    commit_sha: str | None = dl.Field(default=None, max_length=_SHA)
    is_default: bool
