"""Rows and what they carry: fields, tables, connections, scopes, JSON schema."""

from .base import Row, registry_of, row_maker
from .connection import Connection
from .domain_type import DomainType
from .field import Field, Origin, origin_of
from .json_schema import model_info
from .naming import package_name, plural
from .raw import RawOrigin, pydevlake_params, raw_data_params, raw_table_name
from .scope_config import ScopeConfig
from .table import table_of
from .tables import (
    BOOK_KEEPING,
    DomainModel,
    DomainScope,
    DomainTable,
    Model,
    NoPKModel,
    ToolModel,
    ToolScope,
    ToolTable,
    domain_id,
)

__all__ = [
    "BOOK_KEEPING",
    "Connection",
    "DomainModel",
    "DomainScope",
    "DomainTable",
    "DomainType",
    "Field",
    "Model",
    "NoPKModel",
    "Origin",
    "RawOrigin",
    "Row",
    "ScopeConfig",
    "ToolModel",
    "ToolScope",
    "ToolTable",
    "domain_id",
    "model_info",
    "origin_of",
    "package_name",
    "plural",
    "pydevlake_params",
    "raw_data_params",
    "raw_table_name",
    "registry_of",
    "row_maker",
    "table_of",
]
