"""Findings and measures of code analysis."""

from devlake_core.model import DomainModel, DomainScope, NoPKModel

from .fields import (
    Decimal,
    Indexed500,
    IndexedText,
    Key255,
    LongText,
    ShortText,
    Text20,
    Text64,
    Text100,
    Text128,
    Text255,
    Text2000,
    Time,
    Whole,
)


class CqFileMetrics(DomainModel, table=True):
    """Hold the measures of one file."""

    __tablename__ = "cq_file_metrics"

    project_key: Indexed500 = None
    file_name: Text2000 = None
    file_path: LongText = None
    file_language: Text20 = None
    code_smells: Whole = None
    sqale_index: Whole = None
    sqale_rating: Decimal = None
    bugs: Whole = None
    reliability_rating: Text20 = None
    vulnerabilities: Whole = None
    security_rating: Text20 = None
    security_hotspots: Whole = None
    security_hotspots_reviewed: Decimal = None
    security_review_rating: Text20 = None
    ncloc: Whole = None
    coverage: Decimal = None
    uncovered_lines: Whole = None
    lines_to_cover: Whole = None
    duplicated_lines_density: Decimal = None
    duplicated_blocks: Whole = None
    duplicated_files: Whole = None
    duplicated_lines: Whole = None
    effort_to_reach_maintainability_rating_a: Whole = None
    complexity: Whole = None
    cognitive_complexity: Whole = None
    num_of_lines: Whole = None


class CqIssue(DomainModel, table=True):
    """Describe a finding of a code analysis."""

    __tablename__ = "cq_issues"

    rule: Text255 = None
    severity: Text100 = None
    component: ShortText = None
    project_key: Indexed500 = None
    line: Whole = None
    status: Text20 = None
    message: LongText = None
    debt: Whole = None
    effort: Whole = None
    commit_author_email: Text255 = None
    assignee: Text255 = None
    hash: Text100 = None
    tags: LongText = None
    type: Text100 = None
    scope: Text255 = None
    start_line: Whole = None
    end_line: Whole = None
    start_offset: Whole = None
    end_offset: Whole = None
    vulnerability_probability: Text100 = None
    security_category: Text100 = None
    created_date: Time = None
    updated_date: Time = None


class CqIssueCodeBlock(DomainModel, table=True):
    """Point to a piece of code that a finding is about."""

    __tablename__ = "cq_issue_code_blocks"

    issue_key: IndexedText = None
    component: IndexedText = None
    start_line: Whole = None
    end_line: Whole = None
    start_offset: Whole = None
    end_offset: Whole = None
    msg: LongText = None


class CqIssueImpact(NoPKModel, table=True):
    """Tell how much a finding affects one software quality."""

    __tablename__ = "cq_issue_impacts"

    cq_issue_id: Key255
    software_quality: Key255
    severity: Text100 = None


class CqProject(DomainScope, table=True):
    """Describe a project that is analysed."""

    __tablename__ = "cq_projects"

    name: Text2000 = None
    qualifier: Text255 = None
    visibility: Text64 = None
    last_analysis_date: Time = None
    commit_sha: Text128 = None
