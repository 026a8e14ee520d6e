"""Commits, what they change, and the parts of a repository that they touch."""

from collections.abc import Callable

from sqlalchemy import Index

from devlake_core.domain.fields import (
    Indexed40,
    Indexed255,
    Key40,
    Key255,
    LongText,
    ShortText,
    Text40,
    Text255,
    Time,
    Whole,
)
from devlake_core.model import DomainModel, DomainTable, NoPKModel


def _raw_index_but_on_postgresql(table: str) -> Callable[[], Index]:
    # There DevLake's server lost the index when it renamed the table.
    name = f"idx_{table}_raw_data_params"
    return lambda: Index(name, "raw_data_params").ddl_if(
        callable_=lambda *_, dialect, **__: dialect.name != "postgresql"
    )


class Commit(NoPKModel, table=True, shared=True):
    """Describe a commit."""

    __tablename__ = "commits"

    sha: Key40
    additions: Whole = None
    deletions: Whole = None
    dev_eq: Whole = None
    message: LongText = None
    author_name: Text255 = None
    author_email: Text255 = None
    authored_date: Time = None
    author_id: Text255 = None
    committer_name: Text255 = None
    committer_email: Text255 = None
    committed_date: Time = None
    committer_id: Indexed255 = None


class CommitFile(DomainModel, table=True, shared=True):
    """Count the lines of one file that a commit adds and deletes."""

    __tablename__ = "commit_files"
    __raw_index__ = False
    __indexes__ = (_raw_index_but_on_postgresql("commit_files"),)

    commit_sha: Indexed40 = None
    file_path: ShortText = None
    additions: Whole = None
    deletions: Whole = None


class CommitFileComponent(NoPKModel, table=True, shared=True):
    """Link a file of a commit to the component that its path belongs to."""

    __tablename__ = "commit_file_components"
    __raw_index__ = False
    __indexes__ = (_raw_index_but_on_postgresql("commit_file_components"),)

    commit_file_id: Key255
    component_name: Text255 = None


class CommitLineChange(DomainModel, table=True, shared=True):
    """Tell how a commit changes one line."""

    __tablename__ = "commit_line_change"

    commit_sha: Text40 = None
    new_file_path: Text255 = None
    line_no_new: Whole = None
    line_no_old: Whole = None
    old_file_path: Text255 = None
    hunk_num: Whole = None
    changed_type: Text255 = None
    prev_commit: Text255 = None


class CommitParent(NoPKModel, table=True, shared=True):
    """Link a commit to one of its parents."""

    __tablename__ = "commit_parents"

    commit_sha: Key40
    parent_commit_sha: Key40


class CommitsDiff(DomainTable, table=True):
    """List a commit that lies between two others, such as those of two releases."""

    __tablename__ = "commits_diffs"

    new_commit_sha: Key40
    old_commit_sha: Key40
    commit_sha: Key40
    sorting_index: Whole = None


class Component(DomainTable, table=True, shared=True):
    """Name a part of a repository, by a pattern for its paths."""

    __tablename__ = "components"

    name: Key255
    repo_id: Text255 = None
    path_regex: Text255 = None
