"""People and teams, projects, and what links the other domains."""

from sqlalchemy import Index

from devlake_core.model import DomainModel, NoPKModel

from .fields import Key100, Key255, LongText, Text40, Text255, Time, Whole


class Account(DomainModel, table=True, shared=True):
    """Describe a person as one tool knows them."""

    __tablename__ = "accounts"

    email: Text255 = None
    full_name: Text255 = None
    user_name: Text255 = None
    avatar_url: Text255 = None
    organization: Text255 = None
    created_date: Time = None
    status: Whole = None


class BoardRepo(NoPKModel, table=True):
    """Link a board to a repository."""

    __tablename__ = "board_repos"

    board_id: Key255
    repo_id: Key255


class IssueCommit(NoPKModel, table=True):
    """Link an issue to a commit."""

    __tablename__ = "issue_commits"

    issue_id: Key255
    commit_sha: Key255


class IssueRepoCommit(NoPKModel, table=True):
    """Link an issue to a commit in a repository that is known by its URL."""

    __tablename__ = "issue_repo_commits"

    issue_id: Key255
    repo_url: Key255
    commit_sha: Key255
    host: Text255 = None
    namespace: Text255 = None
    repo_name: Text255 = None


class ProjectIncidentDeploymentRelationship(DomainModel, table=True):
    """Link an incident to the deployment that caused it, within a project."""

    __tablename__ = "project_incident_deployment_relationships"
    # The table was renamed, its index was not.
    __raw_index__ = False
    __indexes__ = (lambda: Index("idx_project_issue_metrics_raw_data_params", "raw_data_params"),)

    project_name: Key100
    deployment_id: LongText = None


class ProjectMapping(NoPKModel, table=True):
    """Put a scope into a project: the row of a domain table."""

    __tablename__ = "project_mapping"

    project_name: Key255
    table: Key255
    row_id: Key255


class ProjectPrMetric(DomainModel, table=True):
    """Hold the times that a pull request took on its way to production, in minutes."""

    __tablename__ = "project_pr_metrics"

    project_name: Key100
    first_commit_sha: LongText = None
    pr_coding_time: Whole = None
    first_review_id: LongText = None
    pr_pickup_time: Whole = None
    pr_review_time: Whole = None
    deployment_commit_id: LongText = None
    pr_deploy_time: Whole = None
    pr_cycle_time: Whole = None
    first_commit_authored_date: Time = None
    pr_created_date: Time = None
    first_comment_date: Time = None
    pr_merged_date: Time = None
    pr_deployed_date: Time = None


class PullRequestIssue(NoPKModel, table=True):
    """Link a pull request to an issue."""

    __tablename__ = "pull_request_issues"

    pull_request_id: Key255
    issue_id: Key255
    pull_request_key: Whole = None
    issue_key: Text255 = None


class RefsIssuesDiffs(NoPKModel, table=True):
    """List an issue that lies between two refs."""

    __tablename__ = "refs_issues_diffs"

    new_ref_id: Key255
    old_ref_id: Key255
    issue_id: Key255
    new_ref_commit_sha: Text40 = None
    old_ref_commit_sha: Text40 = None
    issue_number: Text255 = None


class Team(DomainModel, table=True, shared=True):
    """Describe a team."""

    __tablename__ = "teams"

    name: Text255 = None
    alias: Text255 = None
    parent_id: Text255 = None
    sorting_index: Whole = None


class TeamUser(NoPKModel, table=True, shared=True):
    """Put a person into a team."""

    __tablename__ = "team_users"

    team_id: Key255
    user_id: Key255


class User(DomainModel, table=True, shared=True):
    """Describe a person, whatever tools they use."""

    __tablename__ = "users"

    email: Text255 = None
    name: Text255 = None


class UserAccount(NoPKModel, table=True, shared=True):
    """Link a tool's account to the person that it belongs to."""

    __tablename__ = "user_accounts"

    account_id: Key255
    user_id: Text255 = None
