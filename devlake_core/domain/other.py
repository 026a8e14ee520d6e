"""Tables that DevLake's server keeps for itself; no plugin fills them."""

from sqlalchemy import Index

from devlake_core.model import DomainTable, NoPKModel

from .fields import (
    Flag,
    Indexed255,
    IndexedMoment,
    IndexedTime,
    JSONValue,
    Key20,
    Key36,
    Key255,
    Moment,
    Serial,
    ShortText,
    Text20,
    Text255,
    Time,
    Timestamp,
)


class AuthSession(DomainTable, table=True):
    """Remember a session of a person at DevLake's server."""

    __tablename__ = "auth_sessions"

    jti: Key36
    sub: Indexed255 = None
    email: Text255 = None
    name: Text255 = None
    issued_at: Moment
    expires_at: IndexedMoment
    revoked_at: IndexedTime = None
    last_seen_at: Time = None


class CalendarMonth(DomainTable, table=True):
    """Name a month, so that charts show those without data."""

    __tablename__ = "calendar_months"

    month: Key20
    month_timestamp: Timestamp = None


class DoraBenchmark(DomainTable, table=True):
    """Tell how good a value of a DORA metric is."""

    __tablename__ = "dora_benchmarks"

    id: Serial = None
    created_at: Time = None
    updated_at: Time = None
    metric: Text255 = None
    low: Text255 = None
    medium: Text255 = None
    high: Text255 = None
    elite: Text255 = None
    dora_report: Text20 = None


class Project(NoPKModel, table=True):
    """Describe a project, which groups scopes."""

    __tablename__ = "projects"

    name: Key255
    description: ShortText = None


class ProjectMetricSetting(NoPKModel, table=True):
    """Tell how a metric plugin treats a project."""

    __tablename__ = "project_metric_settings"
    # The table was renamed, its index was not.
    __raw_index__ = False
    __indexes__ = (lambda: Index("idx_project_metrics_raw_data_params", "raw_data_params"),)

    project_name: Key255
    plugin_name: Key255
    enable: Flag = None
    plugin_option: JSONValue = None
