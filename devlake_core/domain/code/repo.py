"""Repositories, their refs and snapshots."""

from devlake_core.domain.fields import (
    Flag,
    Id500,
    Key40,
    Key255,
    KeyNumber,
    LongText,
    Text40,
    Text255,
    Time,
)
from devlake_core.model import DomainModel, DomainScope, DomainTable, NoPKModel


class Ref(DomainModel, table=True, shared=True):
    """Name a commit by a branch or a tag."""

    __tablename__ = "refs"

    id: Id500 = None
    repo_id: Text255 = None
    name: Text255 = None
    commit_sha: Text40 = None
    is_default: Flag = None
    ref_type: Text255 = None
    created_date: Time = None


class RefCommit(DomainTable, table=True):
    """Name the commits of two refs that are compared."""

    __tablename__ = "ref_commits"

    new_ref_id: Key255
    old_ref_id: Key255
    new_commit_sha: Text40 = None
    old_commit_sha: Text40 = None


class Repo(DomainScope, table=True):
    """Describe a repository."""

    __tablename__ = "repos"

    name: LongText = None
    url: LongText = None
    description: LongText = None
    owner_id: Text255 = None
    language: Text255 = None
    forked_from: LongText = None
    created_date: Time = None
    updated_date: Time = None
    deleted: Flag = None


class RepoCommit(NoPKModel, table=True):
    """Link a repository to one of its commits."""

    __tablename__ = "repo_commits"

    repo_id: Key255
    commit_sha: Key40


class RepoSnapshot(NoPKModel, table=True):
    """Tell which commit wrote a line of a file, as of the last snapshot."""

    __tablename__ = "repo_snapshot"

    repo_id: Key255
    commit_sha: Key40
    file_path: Key255
    line_no: KeyNumber
