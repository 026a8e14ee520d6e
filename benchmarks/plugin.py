"""The data source of the benchmarks, as an author would write it."""

from datetime import datetime
from typing import Any, ClassVar

import devlake_core as dl
from devlake_core.domain import ticket

__devlake_plugin__ = "bench"

STATUSES = {"open": ticket.IssueStatus.TODO, "closed": ticket.IssueStatus.DONE}
TYPES = {"bug": ticket.IssueType.BUG, "feature": ticket.IssueType.REQUIREMENT}


class BenchConnection(dl.Connection):
    """Know the tool's address."""

    endpoint: str


class Tracker(dl.ToolScope, table=True):
    """Be all the tool's issues."""


class Issue(dl.ToolModel, table=True):
    """Be an issue: twelve fields, some of them nested."""

    id: int = dl.Field(primary_key=True)
    key: str = dl.Field(max_length=255)
    title: str
    description: str | None = dl.Field(source="/body")
    status: str = dl.Field(source="/state", max_length=100)
    type: str = dl.Field(source="/kind", max_length=100)
    creator_id: str | None = dl.Field(source="/user/id", max_length=255)
    creator_name: str | None = dl.Field(source="/user/login", max_length=255)
    assignee_id: str | None = dl.Field(source="/assignee/id", max_length=255)
    created_date: datetime = dl.Field(source="/created_at")
    updated_date: datetime = dl.Field(source="/updated_at")
    resolution_date: datetime | None = dl.Field(source="/closed_at")


class BenchAPI(dl.API):
    """Page by a token."""

    paginator = dl.TokenPaginator("items", "next", "page")


class Issues(dl.RestStream[Issue]):
    """Read all issues; the next run asks for newer ones."""

    domain_models: ClassVar = [ticket.Issue]
    cursor = dl.Cursor("/updated_at", order="asc")

    def request(self, ctx: dl.Context) -> dl.Request:
        """Ask for the first page."""
        return dl.Request("/issues", {"since": ctx.since, "page": 1})

    def convert(self, issue: Issue, ctx: dl.Context) -> Any:
        """Give the domain row."""
        done = issue.resolution_date
        return ticket.Issue(
            issue_key=issue.key,
            title=issue.title,
            description=issue.description,
            status=STATUSES[issue.status],
            original_status=issue.status,
            type=TYPES.get(issue.type, ticket.IssueType.TASK),
            original_type=issue.type,
            creator_id=issue.creator_id,
            creator_name=issue.creator_name,
            assignee_id=issue.assignee_id,
            created_date=issue.created_date,
            updated_date=issue.updated_date,
            resolution_date=done,
            lead_time_minutes=(done - issue.created_date).total_seconds() // 60 if done else None,
        )
