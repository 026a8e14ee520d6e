"""Values on their way to the driver, a column at a time.

A column's conversion is chosen once. Most columns need none beyond a look at their values' types,
which C code does; the rest of the checks are the database's.
"""

from __future__ import annotations

import enum
import json
import math
from datetime import UTC
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python
from sqlalchemy import JSON, Boolean, DateTime, Enum, Float, Integer, LargeBinary, Numeric, String
from sqlalchemy.types import TypeDecorator

from devlake_core.model.types import EnumText, JSONText, LongText, UTCDateTime, as_utc, utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Column

    from .engine import Store
    from .found import FoundTable

    Row = tuple[Any, ...]
    Convert = Callable[[Iterable[Any]], list[Any]]

_KINDS: list[tuple[tuple[type, ...], str]] = [
    ((UTCDateTime, DateTime), "time"),
    ((JSONText, JSON), "json"),
    ((EnumText,), "enum"),
    ((LongText,), "text"),
    ((Enum,), "other"),
    ((Boolean,), "bool"),
    ((Integer,), "int"),
    ((Float,), "float"),
    ((Numeric,), "decimal"),
    ((LargeBinary,), "bytes"),
    ((String,), "text"),
]
_UNFIT = (TypeError, ValueError, ArithmeticError)
_NONE = type(None)
_UTC_SUFFIX = "+00:00"


class UnfitError(ValueError):
    """Say that a value cannot be stored, in words without the value."""


def kind_of(column: Column[Any], store: Store) -> str:
    """Return what sort of values a column takes, as the drivers are concerned."""
    kind: Any = column.type
    for types, name in _KINDS:
        if isinstance(kind, types):
            return name
    if isinstance(kind, TypeDecorator):
        kind = kind.load_dialect_impl(store.engine.dialect)
    return next((name for types, name in _KINDS if isinstance(kind, types)), "other")


class Shaper:
    """Make the driver's rows of ours, with the run's time in the book-keeping columns."""

    def __init__(
        self, columns: Sequence[Column[Any]], store: Store, stamp: datetime, found: FoundTable
    ) -> None:
        self._time = as_utc(stamp) if store.dialect == "postgresql" else utc_text(stamp)
        self._fixed = [
            position
            for position, column in enumerate(columns)
            if column.name in {"created_at", "updated_at"}
        ]
        self._converts = [
            (position, column.name, convert)
            for position, column in enumerate(columns)
            if position not in self._fixed
            for convert in _converts(column, store, found)
        ]

    def shape(self, rows: Sequence[Row]) -> tuple[list[tuple[int, Row]], list[tuple[int, str]]]:
        """Return numbered rows as the driver takes them, and why others have no such form."""
        if not rows:
            return [], []
        try:
            return list(enumerate(self._shape(rows))), []
        except _UNFIT:
            # Now one by one, to find out which it was.
            return self._one_by_one(rows)

    def _shape(self, rows: Sequence[Row]) -> Iterable[Row]:
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for position, _, convert in self._converts:
            columns[position] = convert(columns[position])
        for position in self._fixed:
            columns[position] = [self._time] * len(rows)
        return zip(*columns, strict=True)

    def _one_by_one(
        self, rows: Sequence[Row]
    ) -> tuple[list[tuple[int, Row]], list[tuple[int, str]]]:
        good: list[tuple[int, Row]] = []
        bad: list[tuple[int, str]] = []
        for number, row in enumerate(rows):
            values = list(row)
            name = ""
            try:
                for position, name, convert in self._converts:  # noqa: B007 - told below
                    values[position] = convert([values[position]])[0]
            except UnfitError as error:
                bad.append((number, f"{error} (column {name})"))
            except _UNFIT:
                bad.append((number, f"a value cannot be stored (column {name})"))
            else:
                for position in self._fixed:
                    values[position] = self._time
                good.append((number, tuple(values)))
        return good, bad


def _converts(column: Column[Any], store: Store, found: FoundTable) -> list[Convert]:
    """Return the steps from a column's values to the driver's."""
    kind = kind_of(column, store)
    steps: list[Convert] = []
    if isinstance(column.type, TypeDecorator) and not isinstance(
        column.type, UTCDateTime | JSONText | EnumText | LongText
    ):
        steps.append(_through(column.type.process_bind_param, store.engine.dialect))
    if kind == "time":
        steps.append(_aware if store.dialect == "postgresql" else _time_texts)
    elif kind == "other":
        steps.append(_others(column, store))
    elif kind != "bool" or store.dialect == "postgresql":
        steps.append(_STEPS[kind])
    if kind in {"text", "json", "bytes", "other"} and found.packet is not None:
        octets = found.columns[column.name].octets
        if octets is None or octets > found.packet // 8:
            steps.append(_packable(found.packet))
    return steps


def _through(process: Callable[[Any, Any], Any], dialect: Any) -> Convert:
    return lambda values: [process(value, dialect) for value in values]


def _time_text(value: datetime) -> str:
    text = value.isoformat(" ", "milliseconds")
    if len(text) == 23:
        return text
    return text[:23] if text.endswith(_UTC_SUFFIX) else utc_text(value)


def _time_texts(values: Iterable[Any]) -> list[Any]:
    return [None if value is None else _time_text(value) for value in values]


def _aware(values: Iterable[Any]) -> list[Any]:
    return [
        value
        if value is None or (value.tzinfo is not None and 1 < value.year < 9999)
        else value.replace(tzinfo=UTC)
        if value.tzinfo is None
        else as_utc(value)
        for value in values
    ]


def _json(values: Iterable[Any]) -> list[Any]:
    return [
        None
        if value is None
        else json.dumps(
            to_jsonable_python(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
        for value in values
    ]


def _enums(values: Iterable[Any]) -> list[Any]:
    return [
        None if v is None else str(v.value) if isinstance(v, enum.Enum) else str(v) for v in values
    ]


def _only(wanted: type, convert: Callable[[Any], Any]) -> Convert:
    """Return the step that leaves values of one type alone and converts others."""
    fine = {wanted, _NONE}

    def step(values: Iterable[Any]) -> list[Any]:
        found = values if isinstance(values, list) else list(values)
        if fine.issuperset(map(type, found)):
            return found
        return [value if type(value) in fine else convert(value) for value in found]

    return step


def _text(value: Any) -> str:
    return str(value.value if isinstance(value, enum.Enum) else value)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _finite(values: Iterable[Any]) -> list[Any]:
    found = [None if value is None else float(value) for value in values]
    if not all(map(math.isfinite, filter(None, found))):
        message = "a number is not finite"
        raise UnfitError(message)
    return found


def _decimals(values: Iterable[Any]) -> list[Any]:
    found = list(values)
    if not all(map(math.isfinite, filter(None, found))):
        message = "a number is not finite"
        raise UnfitError(message)
    return [None if value is None else str(value) for value in found]


_STEPS: dict[str, Convert] = {
    "json": _json,
    "enum": _enums,
    "text": _only(str, _text),
    "bytes": _only(bytes, _bytes),
    "int": _only(int, int),
    "bool": _only(bool, bool),
    "float": _finite,
    "decimal": _decimals,
}


def _others(column: Column[Any], store: Store) -> Convert:
    """Return the step for dates, UUIDs and so on: SQLAlchemy's, as text for PostgreSQL."""
    dialect = store.engine.dialect
    kind: Any = column.type.dialect_impl(dialect)
    process = kind.bind_processor(dialect) or (lambda value: value)
    text = store.dialect == "postgresql"

    def step(values: Iterable[Any]) -> list[Any]:
        found = [None if value is None else process(value) for value in values]
        return [None if v is None else str(v) for v in found] if text else found

    return step


def _packable(packet: int) -> Convert:
    """Return the step that keeps back what would break the connection: MySQL drops it then."""
    room = packet - packet // 16

    def step(values: Iterable[Any]) -> list[Any]:
        found = list(values)
        for value in found:
            if isinstance(value, str | bytes) and len(value) * 8 > room:
                size = len(value.encode("utf-8", "replace") if isinstance(value, str) else value)
                # Each byte may be escaped with another one.
                if size * 2 > room:
                    message = "a value is larger than max_allowed_packet lets in"
                    raise UnfitError(message)
        return found

    return step
