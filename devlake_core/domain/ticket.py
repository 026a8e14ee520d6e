"""Boards, issues, sprints and incidents."""

from enum import StrEnum

from sqlalchemy import Index

from devlake_core.model import DomainModel, DomainScope, NoPKModel

from .fields import (
    Decimal,
    Flag,
    Indexed255,
    IndexedKey255,
    IndexedText,
    Key255,
    LongText,
    ShortText,
    Text100,
    Text255,
    Text500,
    Time,
    Unsigned,
    Whole,
)


class IssueStatus(StrEnum):
    """Name the states of an issue that DevLake's dashboards know."""

    TODO = "TODO"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    OTHER = "OTHER"


class IssueType(StrEnum):
    """Name the types of issues that DevLake's dashboards know; others may be written too."""

    REQUIREMENT = "REQUIREMENT"
    BUG = "BUG"
    INCIDENT = "INCIDENT"
    TASK = "TASK"
    SUBTASK = "SUBTASK"


class Board(DomainScope, table=True):
    """Describe a board: a set of issues."""

    __tablename__ = "boards"

    name: Text255 = None
    description: LongText = None
    url: Text255 = None
    created_date: Time = None
    type: Text255 = None


class BoardIssue(NoPKModel, table=True):
    """Put an issue on a board."""

    __tablename__ = "board_issues"

    board_id: Key255
    issue_id: Key255


class BoardSprint(NoPKModel, table=True):
    """Link a board to a sprint."""

    __tablename__ = "board_sprints"

    board_id: Key255
    sprint_id: Key255


class Incident(DomainModel, table=True):
    """Describe an incident."""

    __tablename__ = "incidents"
    __indexes__ = (lambda: Index("idx_table_scope_id", "table", "scope_id"),)

    url: Text255 = None
    incident_key: Text255 = None
    title: LongText = None
    description: LongText = None
    status: Text100 = None
    original_status: Text100 = None
    resolution_date: Time = None
    created_date: Time = None
    updated_date: Time = None
    lead_time_minutes: Unsigned = None
    original_estimate_minutes: Whole = None
    time_spent_minutes: Whole = None
    time_remaining_minutes: Whole = None
    creator_id: Text255 = None
    creator_name: Text255 = None
    parent_incident_id: Text255 = None
    priority: Text255 = None
    severity: Text255 = None
    urgency: Text255 = None
    component: Text255 = None
    original_project: Text255 = None
    table: Text255 = None
    scope_id: Text255 = None
    assignee_id: Text255 = None
    assignee_name: Text255 = None


class IncidentAssignee(NoPKModel, table=True):
    """Link an incident to an account that is to handle it."""

    __tablename__ = "incident_assignees"

    incident_id: Key255
    assignee_id: Key255
    assignee_name: Text255 = None


class Issue(DomainModel, table=True):
    """Describe an issue."""

    __tablename__ = "issues"

    url: Text255 = None
    icon_url: Text255 = None
    issue_key: Text255 = None
    title: LongText = None
    description: LongText = None
    epic_key: Text255 = None
    type: Text100 = None
    original_type: Text500 = None
    status: Text100 = None
    original_status: Text100 = None
    resolution_date: Time = None
    created_date: Time = None
    updated_date: Time = None
    lead_time_minutes: Whole = None
    parent_issue_id: Text255 = None
    priority: Text255 = None
    story_point: Decimal = None
    original_estimate_minutes: Whole = None
    time_spent_minutes: Whole = None
    time_remaining_minutes: Whole = None
    creator_id: Text255 = None
    creator_name: Text255 = None
    assignee_id: Text255 = None
    assignee_name: Text255 = None
    severity: Text255 = None
    component: Text255 = None
    original_project: Text255 = None
    urgency: Text255 = None
    is_subtask: Flag = None
    due_date: Time = None
    fix_versions: ShortText = None


class IssueAssignee(NoPKModel, table=True):
    """Link an issue to an account that is to handle it."""

    __tablename__ = "issue_assignees"

    issue_id: Key255
    assignee_id: Key255
    assignee_name: Text255 = None


class IssueChangelogs(DomainModel, table=True):
    """Tell how one field of an issue changed."""

    __tablename__ = "issue_changelogs"

    issue_id: Indexed255 = None
    author_id: Text255 = None
    author_name: Text255 = None
    field_id: Text255 = None
    field_name: Text255 = None
    original_from_value: LongText = None
    original_to_value: LongText = None
    from_value: LongText = None
    to_value: LongText = None
    created_date: Time = None


class IssueComment(DomainModel, table=True):
    """Keep a comment on an issue."""

    __tablename__ = "issue_comments"

    issue_id: IndexedText = None
    body: LongText = None
    account_id: Text255 = None
    created_date: Time = None
    updated_date: Time = None


class IssueCustomArrayField(NoPKModel, table=True):
    """Give a custom field of an issue one of its values."""

    __tablename__ = "issue_custom_array_fields"

    issue_id: Key255
    field_id: Key255
    field_value: Key255


class IssueLabel(NoPKModel, table=True):
    """Give an issue one label."""

    __tablename__ = "issue_labels"

    issue_id: Key255
    label_name: Key255


class IssueRelationship(NoPKModel, table=True):
    """Link an issue to another, such as one that it blocks."""

    __tablename__ = "issue_relationships"

    source_issue_id: IndexedKey255
    target_issue_id: Key255
    original_type: Key255


class IssueWorklog(DomainModel, table=True):
    """Tell how long somebody worked on an issue."""

    __tablename__ = "issue_worklogs"

    author_id: Text255 = None
    comment: LongText = None
    time_spent_minutes: Whole = None
    logged_date: Time = None
    started_date: Time = None
    issue_id: Indexed255 = None


class Sprint(DomainModel, table=True, shared=True):
    """Describe a sprint."""

    __tablename__ = "sprints"

    name: Text255 = None
    url: Text255 = None
    status: Text100 = None
    started_date: Time = None
    ended_date: Time = None
    completed_date: Time = None
    original_board_id: Text255 = None


class SprintIssue(NoPKModel, table=True):
    """Put an issue into a sprint."""

    __tablename__ = "sprint_issues"

    sprint_id: Key255
    issue_id: Key255
