"""The kinds of columns that DevLake's domain layer has, each named once.

A kind is the type of a field and of its column: ``title: LongText = None``. Lengths are those of
the database; a text that is too long is cut when it is written, not refused when it is made.
"""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    JSON,
    TIMESTAMP,
    BigInteger,
    Boolean,
    DateTime,
    Double,
    Integer,
    Numeric,
    String,
    Text,
)
from sqlalchemy.types import TypeEngine

from devlake_core.model import Field
from devlake_core.model import types as column

_DECIMAL: TypeEngine[Any] = Double().with_variant(Numeric(asdecimal=False), "postgresql")
# An index of MySQL needs a length, and Go's server gives it one there only.
_INDEXABLE = String(191).with_variant(Text(), "postgresql")
_TIMESTAMP = DateTime().with_variant(TIMESTAMP(), "mysql", "mariadb")
_JSON = column.JSONText().with_variant(JSON(none_as_null=True), "postgresql")

Key20 = Annotated[str, Field(primary_key=True, sa_type=String(20))]
Key36 = Annotated[str, Field(primary_key=True, sa_type=String(36))]
Key40 = Annotated[str, Field(primary_key=True, sa_type=String(40))]
Key100 = Annotated[str, Field(primary_key=True, sa_type=String(100))]
Key255 = Annotated[str, Field(primary_key=True, sa_type=String(255))]
IndexedKey255 = Annotated[str, Field(primary_key=True, sa_type=String(255), index=True)]
KeyNumber = Annotated[int, Field(primary_key=True, sa_type=BigInteger, auto_increment=False)]
Id500 = Annotated[str | None, Field(primary_key=True, sa_type=String(500))]
Serial = Annotated[
    int | None, Field(primary_key=True, sa_type=column.Unsigned().with_variant(Integer, "sqlite"))
]
"""A key that the database numbers."""

Text20 = Annotated[str | None, Field(sa_type=String(20))]
Text40 = Annotated[str | None, Field(sa_type=String(40))]
Text64 = Annotated[str | None, Field(sa_type=String(64))]
Text100 = Annotated[str | None, Field(sa_type=String(100))]
Text128 = Annotated[str | None, Field(sa_type=String(128))]
Text255 = Annotated[str | None, Field(sa_type=String(255))]
Text500 = Annotated[str | None, Field(sa_type=String(500))]
Text2000 = Annotated[str | None, Field(sa_type=String(2000))]
ShortText = Annotated[str | None, Field(sa_type=Text)]
"""Text of up to 64 KB on MySQL."""
LongText = Annotated[str | None, Field(sa_type=column.LongText)]

Indexed40 = Annotated[str | None, Field(sa_type=String(40), index=True)]
Indexed100 = Annotated[str | None, Field(sa_type=String(100), index=True)]
Indexed255 = Annotated[str | None, Field(sa_type=String(255), index=True)]
Indexed500 = Annotated[str | None, Field(sa_type=String(500), index=True)]
IndexedText = Annotated[str | None, Field(sa_type=_INDEXABLE, index=True)]

Whole = Annotated[int | None, Field(sa_type=BigInteger)]
Unsigned = Annotated[int | None, Field(sa_type=column.Unsigned)]
Decimal = Annotated[float | None, Field(sa_type=_DECIMAL)]
Flag = Annotated[bool | None, Field(sa_type=Boolean)]
JSONValue = Annotated[Any, Field(sa_type=_JSON)]

Time = Annotated[datetime | None, Field(sa_type=column.UTCDateTime)]
IndexedTime = Annotated[datetime | None, Field(sa_type=column.UTCDateTime, index=True)]
Moment = Annotated[datetime, Field(sa_type=column.UTCDateTime, nullable=False)]
IndexedMoment = Annotated[datetime, Field(sa_type=column.UTCDateTime, nullable=False, index=True)]
Timestamp = Annotated[datetime | None, Field(sa_type=_TIMESTAMP)]
"""A time without milliseconds and zone, as a calendar has it."""
