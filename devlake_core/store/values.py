"""Values on their way to the driver: converted once per column, cleaned only when refused."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python
from sqlalchemy import JSON, DateTime, LargeBinary
from sqlalchemy.types import TypeDecorator

from devlake_core.model.types import EnumText, JSONText, LongText, UTCDateTime, as_utc, utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Column

    from .engine import Store

Row = tuple[Any, ...]
Converter = "Callable[[Any], Any]"


def _json_text(value: Any) -> str:
    return json.dumps(to_jsonable_python(value), ensure_ascii=False, separators=(",", ":"))


def _enum_value(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def converter(column: Column[Any], store: Store) -> Callable[[Any], Any] | None:
    """Return what makes a driver's value of one that is not None; None where nothing is to do."""
    kind: Any = column.type
    if isinstance(kind, UTCDateTime | DateTime):
        return as_utc if store.dialect == "postgresql" else utc_text
    if isinstance(kind, JSONText | JSON):
        return _json_text
    if isinstance(kind, EnumText):
        return _enum_value
    if isinstance(kind, LongText | LargeBinary):
        return None
    if isinstance(kind, TypeDecorator):
        return kind.bind_processor(store.engine.dialect)
    return kind.dialect_impl(store.engine.dialect).bind_processor(store.engine.dialect)


class Shaper:
    """Make the driver's rows of ours, with the run's time in the book-keeping columns."""

    def __init__(self, columns: Sequence[Column[Any]], store: Store, stamp: datetime) -> None:
        time = as_utc(stamp) if store.dialect == "postgresql" else utc_text(stamp)
        self._fixed = [
            (position, time)
            for position, column in enumerate(columns)
            if column.key in {"created_at", "updated_at"}
        ]
        fixed = {position for position, _ in self._fixed}
        self._converters = [
            (position, convert)
            for position, column in enumerate(columns)
            if position not in fixed and (convert := converter(column, store)) is not None
        ]

    def shape(self, row: Row) -> Row:
        """Return one row as the driver takes it."""
        values = list(row)
        for position, convert in self._converters:
            value = values[position]
            if value is not None:
                values[position] = convert(value)
        for position, value in self._fixed:
            values[position] = value
        return tuple(values)


class Cleaner:
    """Mend rows that the database refused: odd characters, text that is too long."""

    def __init__(self, columns: Sequence[Column[Any]], lengths: dict[str, int], store: Store) -> None:
        self._columns = [
            (position, column, lengths.get(column.name))
            for position, column in enumerate(columns)
        ]
        self._no_nul = store.dialect == "postgresql"
        self._in_bytes = store.dialect == "mysql"

    def clean(self, row: Row, truncated: dict[str, int]) -> Row:
        """Return a row without NULs, lone surrogates and overlong text.

        Raises:
            ValueError: a key would have to be cut.
        """
        values = list(row)
        for position, column, length in self._columns:
            value = values[position]
            if value is None or isinstance(value, int | float | bytes):
                continue
            if not isinstance(value, str):
                if type(value).__module__ == "datetime":
                    continue
                value = str(value)
            text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            if self._no_nul:
                text = text.replace("\x00", "")
            if length is not None:
                cut = self._cut(text, length)
                if cut != text:
                    if column.primary_key:
                        message = f"{column.name} is longer than its column"
                        raise ValueError(message)
                    truncated[column.key] = truncated.get(column.key, 0) + 1
                    text = cut
            values[position] = text
        return tuple(values)

    def _cut(self, text: str, length: int) -> str:
        if length < 0:  # a limit in bytes
            return text.encode()[:-length].decode("utf-8", "ignore")
        return text[:length]
