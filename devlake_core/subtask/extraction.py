"""From one raw row to the tool rows that it stands for, by the author's way or the default's."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json

from devlake_core.errors import DevlakeError, RecordError
from devlake_core.model import ToolModel, origin_of, row_maker
from devlake_core.model.pointer import items_at, resolve
from devlake_core.model.table import bare_type
from devlake_core.raised import place
from devlake_core.stream import takes_context

from .default_extraction import DefaultExtraction, decoded, described

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devlake_core.store.raw import RawRow
    from devlake_core.stream import Context, Stream

Fields = dict[str, Any]


class _Made(dict[str, Any]):
    """Be the fields of a row that an author made, so that its class has checked them."""


class Extraction:
    """Extract the raw rows of one stream."""

    def __init__(self, stream: Stream, ctx: Context, owner: Stream | None = None) -> None:
        model: type[ToolModel] = stream.tool_model
        self._stream = stream
        self._ctx = ctx
        self.model = model
        self.columns: tuple[str, ...] = tuple(column.key for column in model.__table__.columns)
        self._get = itemgetter(*self.columns)
        self._with_context = takes_context(stream.extract, 1)
        self.authored = stream.extracts_itself
        origins = {name: origin_of(info) for name, info in model.model_fields.items()}
        self._from_parent = {n: o.parent for n, o in origins.items() if o.parent is not None}
        scope = {n: getattr(ctx.scope, o.scope) for n, o in origins.items() if o.scope is not None}
        self._fixed: Fields = {
            **dict.fromkeys(self.columns),
            "connection_id": ctx.connection_id,
            "raw_data_params": ctx.params,
            "raw_data_table": stream.raw_model_table,
            **scope,
        }
        self._default = DefaultExtraction(model, base=self._fixed)
        self._times = [
            name
            for name, info in model.model_fields.items()
            if bare_type(info.annotation) is datetime and name not in {"created_at", "updated_at"}
        ]
        self.keys = KeyReader(stream, self._fixed) if stream.collects else None
        # A stream that reads another's raw rows finds its parent there, in the same record.
        wants_parent = bool(self._from_parent) and not stream.collects and owner is not None
        self._owner = Extraction(owner, ctx) if wants_parent and owner is not None else None

    def rows(self, raw: RawRow) -> list[Fields]:
        """Return the tool rows of a raw row as dictionaries of all columns.

        Raises:
            RecordError: the record cannot be extracted.
        """
        try:
            rows = self._rows(raw)
            parent = self._parent_values(raw) if rows and self._from_parent else {}
            for row in rows:
                self._complete(raw, row, parent)
        except DevlakeError:
            raise
        except ValidationError as error:
            raise RecordError(described(error) + place(error), raw_id=raw.id) from None
        except Exception as error:
            message = f"extract() raised {type(error).__name__}: {error}{place(error)}"
            raise RecordError(message, raw_id=raw.id) from error
        else:
            return rows

    def tuples(self, rows: Iterable[Fields]) -> list[tuple[Any, ...]]:
        """Return rows as tuples in the order of the table's columns."""
        get = self._get
        return [get(row) for row in rows]

    def models(self, raw: RawRow) -> list[ToolModel]:
        """Return the tool rows of a raw row as objects."""
        make = row_maker(self.model, self.columns)
        return [make(values) for values in self.tuples(self.rows(raw))]

    def _rows(self, raw: RawRow) -> list[Fields]:
        stream = self._stream
        if stream.collects and not stream.extracts_itself:
            return [self._default.from_bytes(raw.data)]
        value = decoded(raw.data)
        if stream.collects:
            return self._authored(value)
        records = items_at(value, stream.records or "")
        if not stream.extracts_itself:
            return [self._default.from_value(record) for record in records]
        return [fields for record in records for fields in self._authored(record)]

    def _authored(self, record: Any) -> list[Fields]:
        extract: Any = self._stream.extract
        given = extract(record, self._ctx) if self._with_context else extract(record)
        if given is None:
            return []
        if isinstance(given, dict | ToolModel):
            given = (given,)
        return [
            self._of_model(item) if isinstance(item, ToolModel) else self._default.from_value(item)
            for item in given
            if item is not None
        ]

    def _of_model(self, row: ToolModel) -> Fields:
        if not isinstance(row, self.model):
            message = f"extract() gave a {type(row).__name__} where {self.model.__name__} is due"
            raise RecordError(message)
        given, fixed = row.__dict__, self._fixed
        values = fixed | {name: given[name] for name in self.columns if name in given}
        if values["connection_id"] is None:
            values["connection_id"] = fixed["connection_id"]
        values["raw_data_params"] = fixed["raw_data_params"]
        values["raw_data_table"] = fixed["raw_data_table"]
        return _Made(values)

    def _parent_values(self, raw: RawRow) -> Fields:
        if self._owner is not None:
            parents = self._owner.rows(raw)
            if len(parents) > 1:
                message = f"the record gave {len(parents)} parents where one is due"
                raise RecordError(message, raw_id=raw.id)
            return parents[0] if parents else {}
        given = from_json(raw.input or b"{}")
        return dict(given.get("_parent", {}).get("fields", {}))

    def _complete(self, raw: RawRow, row: Fields, parent: Fields) -> None:
        for name, source in self._from_parent.items():
            if row[name] is None:
                row[name] = parent.get(source)
        row["raw_data_id"] = raw.id
        if self._default.validates and type(row) is not _Made:
            self._default.check(row)
        for name in self._times:
            value = row[name]
            if value is not None and value.tzinfo is None:
                row[name] = value.replace(tzinfo=UTC)
                self._ctx.warn(f"{self.model.__name__}.{name} has no time zone: it is taken as UTC")


class KeyReader:
    """Read a record's key from the raw record alone, so that older versions can be found."""

    def __init__(self, stream: Stream, fixed: Fields) -> None:
        model: type[ToolModel] = stream.tool_model
        self.fields = model.key_fields()
        self._fixed = fixed
        given = stream.record_key
        self._pointers = [given] if isinstance(given, str) else list(given or ())
        read = tuple(
            name
            for name in self.fields
            if origin_of(model.model_fields[name]).parent is None
            and origin_of(model.model_fields[name]).scope is None
        )
        self._parents = {
            name: parent
            for name in self.fields
            if (parent := origin_of(model.model_fields[name]).parent) is not None
        }
        self._default = DefaultExtraction(model, only=read)

    def of_row(self, row: Fields) -> tuple[Any, ...]:
        """Return the key of an extracted row."""
        return tuple([row[name] for name in self.fields])

    def of_raw(self, raw: RawRow) -> tuple[Any, ...] | None:
        """Return the key of a raw record, or None where it cannot be read."""
        try:
            if self._pointers:
                record = decoded(raw.data)
                named = dict(
                    zip(self.fields, (resolve(record, p) for p in self._pointers), strict=False)
                )
                values = self._default.from_value({**named})
            else:
                values = self._default.from_bytes(raw.data)
            parent = from_json(raw.input or b"{}").get("_parent", {}) if self._parents else {}
        except (DevlakeError, ValueError):
            return None
        given = parent.get("fields", {})
        row = {**self._fixed, **values, **{n: given.get(p) for n, p in self._parents.items()}}
        key = self.of_row(row)
        return None if any(value is None for value in key) else key


def config_hash(ctx: Context) -> str:
    """Return a hash of what decides how raw rows are read: scope config and plugin version."""
    ignored = {"id", "created_at", "updated_at", "name", "connection_id", "domain_types"}
    config = ctx.scope_config
    text = config.model_dump_json(exclude=ignored) if hasattr(config, "model_dump_json") else ""
    return hashlib.sha256(f"{ctx.plugin_version}\0{text}".encode()).hexdigest()[:16]
