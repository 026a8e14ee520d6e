"""From a model class to its SQLAlchemy table."""

from __future__ import annotations

import enum
import types
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import MaxLen
from pydantic import AwareDatetime, BaseModel, NaiveDatetime, SecretStr
from pydantic_core import PydanticUndefined
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
)
from sqlalchemy.sql.elements import conv
from sqlmodel.main import _get_sqlmodel_field_value, get_sqlalchemy_type

from .field import origin_of
from .types import Encrypted, EnumText, JSONText, LongText, RawBytes, UTCDateTime

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from sqlalchemy.types import TypeEngine

KEY_LENGTH = 255
_SQLITE_ROWID = BigInteger().with_variant(Integer, "sqlite")


def said(info: FieldInfo, name: str, default: Any = None) -> Any:
    """Return what an author said of a column (SQLModel's ``Field`` arguments), or the default."""
    value = _get_sqlmodel_field_value(info, name, PydanticUndefined)
    return default if value is PydanticUndefined else value


def bare_type(annotation: Any) -> Any:
    """Return a type without ``None``, ``Annotated`` and type arguments; a real union is Any.

    A ``Literal`` is the type of its values.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extras = get_args(annotation)
        return AwareDatetime if AwareDatetime in extras else bare_type(inner)
    if origin is Literal:
        kinds = {type(arg) for arg in get_args(annotation)}
        return kinds.pop() if len(kinds) == 1 else Any
    if origin in {Union, types.UnionType}:
        rest = [arg for arg in get_args(annotation) if arg is not type(None)]
        return bare_type(rest[0]) if len(rest) == 1 else Any
    return origin or annotation


def _text_type(info: FieldInfo, *, key: bool) -> TypeEngine[Any]:
    length = next((item.max_length for item in info.metadata if isinstance(item, MaxLen)), None)
    if length is None:
        length = next((getattr(item, "max_length", None) for item in info.metadata), None)
    if length is not None and length <= KEY_LENGTH:
        return String(length)
    return String(KEY_LENGTH) if key else LongText()


def _decimal_type(info: FieldInfo) -> TypeEngine[Any]:
    found: Any = get_sqlalchemy_type(info)
    if getattr(found, "precision", None) is None:
        # Without a scale MySQL would round to whole numbers.
        return Numeric().with_variant(Numeric(38, 10), "mysql", "mariadb")
    return found  # type: ignore[no-any-return]


def column_type(info: FieldInfo, *, key: bool) -> TypeEngine[Any] | type[TypeEngine[Any]]:
    """Return the column type of a field.

    Args:
        info: the field.
        key: whether it is part of a key or an index, where text must be short.

    Raises:
        TypeError: the field's type fits no column.
    """
    given = said(info, "sa_type")
    if given is not None:
        return given  # type: ignore[no-any-return]
    kind = bare_type(info.annotation)
    if kind is AwareDatetime or kind is NaiveDatetime:
        return UTCDateTime()
    if kind is Any or not isinstance(kind, type):
        return JSONText()
    if issubclass(kind, SecretStr):
        return Encrypted()
    if issubclass(kind, enum.Enum):
        return EnumText(kind, KEY_LENGTH if key else None)
    if issubclass(kind, bool):
        return Boolean()
    if issubclass(kind, int):
        return _SQLITE_ROWID
    if issubclass(kind, float):
        return Double()
    if issubclass(kind, datetime):
        return UTCDateTime()
    if issubclass(kind, str):
        return _text_type(info, key=key)
    if issubclass(kind, bytes):
        return RawBytes()
    if issubclass(kind, list | dict | tuple | set | frozenset | BaseModel):
        return JSONText()
    if issubclass(kind, Decimal):
        return _decimal_type(info)
    try:
        found = get_sqlalchemy_type(info)
    except ValueError:
        # URLs, UUIDs of other libraries and whatever else has a text form.
        return String(KEY_LENGTH) if key else LongText()
    return found  # type: ignore[no-any-return]


def column_of(name: str, info: FieldInfo) -> Column[Any]:
    """Return the column of a field; its ``key`` is the field's name."""
    ready = said(info, "sa_column")
    if isinstance(ready, Column):
        column = ready._copy()
        column.key = name
        column.name = column.name or name
        return column
    key = bool(said(info, "primary_key", False))
    index = bool(said(info, "index", False))
    unique = bool(said(info, "unique", False))
    extra = dict(said(info, "sa_column_kwargs", {}))
    args = list(said(info, "sa_column_args", ()))
    foreign = said(info, "foreign_key")
    if foreign:
        args.append(ForeignKey(foreign, ondelete=said(info, "ondelete")))
    increment = origin_of(info).auto_increment
    if increment is not None:
        extra.setdefault("autoincrement", increment)
    column_name = extra.pop("name", name)
    nullable = not key and bool(said(info, "nullable", True))
    return Column(
        column_name,
        column_type(info, key=key or index or unique),
        *args,
        key=name,
        primary_key=key,
        nullable=nullable,
        unique=(unique and not index) or None,
        **extra,
    )


def table_of(model: Any, metadata: MetaData, name: str | None = None) -> Table:
    """Build the table of any model class, with or without ``table=True``.

    Args:
        model: the class; a snapshot in a migration need not say ``table=True``.
        metadata: where the table goes; a table of that name there is replaced.
        name: the table's name; that of the class where it is left out.
    """
    table_name = name or str(model.__tablename__)
    columns = [column_of(key, info) for key, info in model.model_fields.items()]
    numbered = [column for column in columns if column.primary_key]
    if len(numbered) > 1:
        # Only a key of one column is numbered by the database.
        for column in numbered:
            column.autoincrement = False
    if table_name in metadata.tables:
        metadata.remove(metadata.tables[table_name])
    args: Any = getattr(model, "__table_args__", ())
    options: dict[str, Any] = {}
    if isinstance(args, dict):
        args, options = (), args
    elif args and isinstance(args[-1], dict):
        args, options = args[:-1], args[-1]
    indexes = [index() for index in getattr(model, "__indexes__", ())]
    table = Table(table_name, metadata, *columns, *args, *indexes, **options)
    _add_indexes(model, table)
    return table


def _add_indexes(model: Any, table: Table) -> None:
    """Give a table the indexes of its fields, named as DevLake names them."""
    indexed = {
        key: bool(said(info, "unique", False))
        for key, info in model.model_fields.items()
        if said(info, "index", False) and said(info, "sa_column") is None
    }
    if "raw_data_params" in table.columns and getattr(model, "__raw_index__", True):
        indexed["raw_data_params"] = False
    for key, unique in indexed.items():
        # conv() lets the database's dialect shorten a name that is too long for it.
        name = conv(f"idx_{table.name}_{key}")
        Index(name, table.columns[key], unique=unique)
