"""What rows of each layer have in common: keys, times and the raw row they come from."""

from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from sqlalchemy import String, Table
from sqlalchemy.orm import declared_attr

from .base import Row
from .field import Field
from .naming import camel_case, package_name, tool_table_name
from .raw import RawOrigin
from .types import LongText, Unsigned, UTCDateTime


class Model(Row):
    """Have a number as key, given by the database."""

    id: int | None = Field(default=None, primary_key=True)
    created_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class DomainTable(Row):
    """Be a table of DevLake's domain layer, with or without the origin columns."""


class NoPKModel(DomainTable):
    """Remember the raw row that a row comes from."""

    raw_data_params: str | None = Field(
        default=None,
        alias="_raw_data_params",
        sa_type=String(255),
        sa_column_kwargs={"name": "_raw_data_params"},
    )
    raw_data_table: str | None = Field(
        default=None,
        alias="_raw_data_table",
        sa_type=String(255),
        sa_column_kwargs={"name": "_raw_data_table"},
    )
    raw_data_id: int | None = Field(
        default=None,
        alias="_raw_data_id",
        sa_type=Unsigned,
        sa_column_kwargs={"name": "_raw_data_id"},
    )
    raw_data_remark: str | None = Field(
        default=None,
        alias="_raw_data_remark",
        sa_type=LongText,
        sa_column_kwargs={"name": "_raw_data_remark"},
    )
    created_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UTCDateTime)

    def set_raw_origin(self, raw: RawOrigin) -> None:
        """Take the raw row's table, params and id as this row's origin."""
        self.raw_data_params = raw.params
        self.raw_data_table = raw.table
        self.raw_data_id = raw.id

    def set_tool_origin(self, tool: "NoPKModel") -> None:
        """Take a tool row's origin as this row's."""
        self.raw_data_params = tool.raw_data_params
        self.raw_data_table = tool.raw_data_table
        self.raw_data_id = tool.raw_data_id
        self.raw_data_remark = tool.raw_data_remark


BOOK_KEEPING = frozenset(NoPKModel.model_fields)
"""The fields that are never filled from a record."""


class ToolTable(Row):
    """Be a table of the tool layer: its name and its camelCase aliases follow from the class."""

    model_config = {"alias_generator": camel_case}

    @declared_attr  # type: ignore[arg-type]
    def __tablename__(cls) -> str:
        return tool_table_name(cls.__module__, cls.__name__)


class ToolModel(ToolTable, NoPKModel):
    """Be a record of the tool, as a row of its own table.

    ``connection_id`` is part of every tool model's key; at least one field of the author's is too.
    """

    connection_id: int | None = Field(default=None, primary_key=True, auto_increment=False)

    @classmethod
    def key_fields(cls) -> tuple[str, ...]:
        """Return the names of the key's fields, without the connection."""
        return _key_fields(cls.__table__)

    def primary_keys(self) -> list[Any]:
        """Return the values of the key, without the connection."""
        return [getattr(self, name) for name in self.key_fields()]

    def domain_id(self) -> str:
        """Return the id of the domain row that stands for this row."""
        return domain_id(type(self), self.connection_id, *self.primary_keys())


class ToolScope(ToolModel):
    """Be a scope: what is collected as a unit, such as a repository or a board."""

    id: str = Field(primary_key=True)
    name: str
    scope_config_id: int | None = None


class DomainModel(NoPKModel):
    """Be a domain row with a text as key; a missing id is filled from the tool row."""

    id: str | None = Field(default=None, primary_key=True, max_length=255)


class DomainScope(DomainModel):
    """Be a domain row that stands for a scope."""

    __shared__: ClassVar[bool] = True


def domain_id(model: type[ToolModel], connection_id: int | None, *keys: Any) -> str:
    """Return the domain id of a tool row: ``plugin:Class:connection:key…``."""
    return ":".join([_id_prefix(model), str(connection_id or 0), *map(str, keys)])


@cache
def _id_prefix(model: type[ToolModel]) -> str:
    return f"{package_name(model.__module__)}:{model.__name__}"


@cache
def _key_fields(table: Table) -> tuple[str, ...]:
    keys = (column.key for column in table.primary_key.columns)
    return tuple(key for key in keys if key != "connection_id")
