"""Commits, pull requests, refs and repositories."""

from __future__ import annotations

from .commit import (
    Commit,
    CommitFile,
    CommitFileComponent,
    CommitLineChange,
    CommitParent,
    CommitsDiff,
    Component,
)
from .pull_request import (
    PullRequest,
    PullRequestAssignee,
    PullRequestComment,
    PullRequestCommit,
    PullRequestLabel,
    PullRequestLabels,
    PullRequestReviewer,
    PullRequestStatus,
    RefsPrCherryPick,
    RefsPrCherrypick,
)
from .repo import Ref, RefCommit, Repo, RepoCommit, RepoSnapshot

__all__ = [
    "Commit",
    "CommitFile",
    "CommitFileComponent",
    "CommitLineChange",
    "CommitParent",
    "CommitsDiff",
    "Component",
    "PullRequest",
    "PullRequestAssignee",
    "PullRequestComment",
    "PullRequestCommit",
    "PullRequestLabel",
    "PullRequestLabels",
    "PullRequestReviewer",
    "PullRequestStatus",
    "Ref",
    "RefCommit",
    "RefsPrCherryPick",
    "RefsPrCherrypick",
    "Repo",
    "RepoCommit",
    "RepoSnapshot",
]
