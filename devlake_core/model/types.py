"""Column types: how values of ours are kept in the three databases.

The types are DevLake's: times as ``datetime(3)`` or ``timestamptz``, secrets encrypted in text,
lists and mappings as JSON, enumerations as their value in text.

A database's own types are imported when that database is used: those of all three together take
as long as the rest of a model.
"""

from __future__ import annotations

import enum
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from pydantic_core import to_jsonable_python
from sqlalchemy import TEXT, BigInteger, ColumnElement, DateTime, LargeBinary, String, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from devlake_core import crypto

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


def _text(dialect: Dialect, *, long: bool) -> TypeEngine[Any]:
    # Not through type_descriptor(): it makes a VARCHAR of TEXT on PostgreSQL.
    if long and dialect.name in {"mysql", "mariadb"}:
        from sqlalchemy.dialects import mysql

        return mysql.LONGTEXT()
    return TEXT()


class _SQLiteDateTime(UserDefinedType[str]):
    """Name a column DATETIME on SQLite without SQLAlchemy's slow conversion."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name in DDL."""
        return "DATETIME"


def as_utc(value: datetime) -> datetime:
    """Return an aware datetime in UTC; a naive one is taken as UTC already."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_text(value: datetime) -> str:
    """Return a datetime as ``YYYY-MM-DD HH:MM:SS.mmm`` in UTC, cut to milliseconds."""
    return as_utc(value).replace(tzinfo=None).isoformat(" ", "milliseconds")


class Unsigned(BigInteger):
    """Keep a whole number of 64 bits, which is not below zero on MySQL."""


@compiles(Unsigned, "mysql", "mariadb")
def _unsigned(_type: Unsigned, _compiler: Any, **_: Any) -> str:
    return "BIGINT UNSIGNED"


class UTCDateTime(TypeDecorator[datetime]):
    """Keep an aware datetime in UTC, with milliseconds.

    It is ``datetime(3)`` on MySQL, ``timestamptz`` on PostgreSQL and ISO 8601 text without a
    zone on SQLite. A naive value is taken as UTC; what is read back is aware.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_SQLiteDateTime())
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        from sqlalchemy.dialects import mysql

        return dialect.type_descriptor(mysql.DATETIME(fsp=3))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return what the driver gets."""
        if value is None:
            return None
        return as_utc(value) if dialect.name == "postgresql" else utc_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return an aware datetime in UTC."""
        if value is None or value == "":
            return None
        return as_utc(datetime.fromisoformat(value) if isinstance(value, str) else value)


class LongText(TypeDecorator[str]):
    """Keep text of any length: ``longtext`` on MySQL, ``text`` elsewhere."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        return _text(dialect, long=True)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text of a string, URL, path, pattern or other value."""
        if value is None:
            return None
        # A compiled pattern, for one, has its text in its JSON form alone.
        return str(value if isinstance(value, str) else to_jsonable_python(value, fallback=str))


class RawBytes(TypeDecorator[bytes]):
    """Keep bytes of any length: ``longblob`` on MySQL, ``bytea`` or ``blob`` elsewhere."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        if dialect.name in {"mysql", "mariadb"}:
            from sqlalchemy.dialects import mysql

            return dialect.type_descriptor(mysql.LONGBLOB())
        return dialect.type_descriptor(LargeBinary())

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Return the bytes as they are."""
        return value


class JSONText(TypeDecorator[Any]):
    """Keep a JSON value: ``jsonb`` on PostgreSQL, ``longtext`` on MySQL, ``text`` on SQLite.

    None is NULL, never the JSON ``null``.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql

            return dialect.type_descriptor(postgresql.JSONB(none_as_null=True))
        return _text(dialect, long=True)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Return JSON text, or the plain value where the database has a JSON type."""
        if value is None:
            return None
        plain = to_jsonable_python(value)
        if dialect.name == "postgresql":
            return plain
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    def column_expression(self, column: Any) -> Any:
        """Read it as text: of a string one could not tell whether the driver had decoded it."""
        return _JSONAsText(column, self)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Return the decoded value."""
        return json.loads(value) if isinstance(value, str | bytes) else value


class _JSONAsText(ColumnElement[Any]):
    """Be a JSON column as it is selected; it is text already but on PostgreSQL."""

    inherit_cache = True
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]

    def __init__(self, column: Any, type_: TypeEngine[Any]) -> None:
        self.column = column
        self.type = type_


@compiles(_JSONAsText)
def _plain(element: _JSONAsText, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.column, **options))


@compiles(_JSONAsText, "postgresql")
def _cast(element: _JSONAsText, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.column, **options)} AS TEXT)"


class Encrypted(TypeDecorator[SecretStr]):
    """Keep a secret as DevLake does: AES-encrypted with the process's secret, as Base64 text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the ciphertext."""
        if value is None:
            return None
        plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        return crypto.encrypt(crypto.encryption_secret(), plain)

    def process_result_value(self, value: Any, dialect: Dialect) -> SecretStr | None:
        """Return the decrypted secret.

        Raises:
            ConfigError: the column was encrypted with another secret.
        """
        if value is None:
            return None
        return SecretStr(crypto.decrypt_text(crypto.encryption_secret(), value))


class EnumText(TypeDecorator[enum.Enum]):
    """Keep an enumeration's member as its value in text.

    A text that is no member's value (a newer version wrote it) is read back as it is.
    """

    impl = Text
    cache_ok = True

    def __init__(self, members: type[enum.Enum], length: int | None = None) -> None:
        self.members = members
        self.length = length
        super().__init__()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        if self.length:
            return dialect.type_descriptor(String(self.length))
        return _text(dialect, long=False)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the member's value."""
        if value is None:
            return None
        return str(value.value) if isinstance(value, enum.Enum) else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Return the member."""
        if value is None:
            return None
        try:
            return self.members(value)
        except ValueError:
            return value
