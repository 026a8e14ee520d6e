"""Pull requests and what belongs to them."""

from enum import StrEnum

from devlake_core.domain.fields import (
    Flag,
    Indexed100,
    IndexedText,
    Key40,
    Key255,
    LongText,
    Text40,
    Text100,
    Text255,
    Time,
    Whole,
)
from devlake_core.model import DomainModel, NoPKModel


class PullRequestStatus(StrEnum):
    """Name the states of a pull request that DevLake's dashboards know."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    MERGED = "MERGED"


class PullRequest(DomainModel, table=True):
    """Describe a pull request, or a merge request."""

    __tablename__ = "pull_requests"

    base_repo_id: IndexedText = None
    base_ref: Text255 = None
    base_commit_sha: Text40 = None
    head_repo_id: IndexedText = None
    head_ref: Text255 = None
    head_commit_sha: Text40 = None
    merge_commit_sha: Text40 = None
    status: Text100 = None
    original_status: Text100 = None
    type: Text100 = None
    component: Text100 = None
    title: LongText = None
    description: LongText = None
    url: Text255 = None
    author_name: Text100 = None
    author_id: Text100 = None
    parent_pr_id: Indexed100 = None
    pull_request_key: Whole = None
    created_date: Time = None
    merged_date: Time = None
    closed_date: Time = None
    additions: Whole = None
    deletions: Whole = None
    merged_by_name: Text100 = None
    merged_by_id: Text100 = None
    is_draft: Flag = None


class PullRequestAssignee(NoPKModel, table=True):
    """Link a pull request to an account that is to handle it."""

    __tablename__ = "pull_request_assignees"

    pull_request_id: Key255
    assignee_id: Key255
    name: Text255 = None
    user_name: Text255 = None


class PullRequestComment(DomainModel, table=True):
    """Keep a comment on a pull request, or a review of it."""

    __tablename__ = "pull_request_comments"

    body: LongText = None
    account_id: Text255 = None
    created_date: Time = None
    commit_sha: Text255 = None
    type: Text255 = None
    review_id: Text255 = None
    status: Text255 = None
    pull_request_id: IndexedText = None


class PullRequestCommit(NoPKModel, table=True):
    """Link a pull request to one of its commits."""

    __tablename__ = "pull_request_commits"

    pull_request_id: Key255
    commit_sha: Key40
    commit_author_name: Text255 = None
    commit_author_email: Text255 = None
    commit_authored_date: Time = None


class PullRequestLabel(NoPKModel, table=True):
    """Give a pull request one label."""

    __tablename__ = "pull_request_labels"

    pull_request_id: Key255
    label_name: Key255


class PullRequestReviewer(NoPKModel, table=True):
    """Link a pull request to an account that is to review it."""

    __tablename__ = "pull_request_reviewers"

    pull_request_id: Key255
    reviewer_id: Key255
    name: Text255 = None
    user_name: Text255 = None


class RefsPrCherryPick(NoPKModel, table=True):
    """Tell which pull requests pick the commits of another."""

    __tablename__ = "refs_pr_cherrypicks"

    parent_pr_id: Key255
    repo_name: Text255 = None
    parent_pr_key: Whole = None
    cherrypick_base_branches: Text255 = None
    cherrypick_pr_keys: Text255 = None
    parent_pr_url: Text255 = None


PullRequestLabels = PullRequestLabel
RefsPrCherrypick = RefsPrCherryPick
