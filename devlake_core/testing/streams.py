"""Asserts about one stream."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from devlake_core import subtask
from devlake_core.errors import RecordError
from devlake_core.migration import migrate
from devlake_core.migration.perform import create
from devlake_core.plugin.messages import listed
from devlake_core.store import read_batches
from devlake_core.store.ledger import quarantine_table
from devlake_core.store.raw import RawRow
from devlake_core.stream import VERBS, Context, stream_name, takes_context
from devlake_core.subtask.extraction import Extraction

from .context import new_context, plugin_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devlake_core.model import Connection, DomainTable, ScopeConfig, ToolScope
    from devlake_core.plugin import Plugin
    from devlake_core.stream import Stream


def assert_stream_convert(
    plugin: Plugin | type[Plugin],
    stream_name: str,
    raw: Any,
    expected: DomainTable | Iterable[DomainTable] | None,
    ctx: Context | None = None,
) -> None:
    """Assert that a raw record becomes these domain rows, all of them and no others.

    The record is extracted as in a run. The rows are compared as ``convert`` gives them: ids that
    it leaves out are filled in later.

    Args:
        plugin: the plugin or its class.
        stream_name: the stream's name.
        raw: the record as ``collect`` yields it.
        expected: the rows in their order.
        ctx: what ``convert`` is given; one without connection and scope where it is left out.

    Raises:
        AssertionError: the record cannot be extracted, or the rows differ; it says where.
    """
    stream = plugin_of(plugin).get_stream(stream_name)
    context: Context = ctx or Context(None, None, None, None)
    try:
        tools = Extraction(stream, context).models(RawRow(1, to_json(raw), b"{}"))
    except RecordError as error:
        message = f"extract of stream {stream.name!r}: {error}"
        raise AssertionError(message) from error
    convert: Any = stream.convert
    arguments = (context,) if takes_context(convert, 1) else ()
    rows = [row for tool in tools for row in listed(convert(tool, *arguments))]
    differences = _differences([row for row in rows if row is not None], listed(expected))
    if differences:
        message = f"convert of stream {stream.name!r}:\n  " + "\n  ".join(differences)
        raise AssertionError(message)


def assert_stream_run(
    stream: Stream[Any],
    connection: Connection,
    scope: ToolScope,
    scope_config: ScopeConfig | None = None,
    plugin: Plugin | None = None,
) -> None:
    """Assert that a stream collects, extracts and converts, and that no record is bad.

    The streams whose rows it reads are run before it.

    Args:
        stream: the stream.
        connection: how to reach the tool.
        scope: what is collected.
        scope_config: how to read it.
        plugin: the plugin, for a stream that uses ``ctx.api``.

    Raises:
        AssertionError: a record could not be extracted or converted.
    """
    ctx = new_context(plugin, connection, scope, scope_config)
    migrate(ctx.store, [])
    for each in [*_sources(stream), stream]:
        if each.tool_model is not None:
            with ctx.store.transaction() as database:
                create(database, each.tool_model.__table__)
        run_stream(each, ctx)


def run_stream(stream: Stream[Any], ctx: Context) -> None:
    """Run all verbs of a stream in a database that has its tables.

    Raises:
        AssertionError: a record could not be extracted or converted.
    """
    ctx.streams = [*(other for other in ctx.streams if other.name != stream.name), stream]
    for verb in VERBS:
        if verb != "collect" or stream.collects:
            for _ in getattr(subtask, verb)(ctx, stream):
                pass
    bad = _quarantined(ctx, stream)
    if bad:
        message = f"stream {stream.name!r}: {len(bad)} bad records; the first: {bad[0]}"
        raise AssertionError(message)


def _sources(stream: Stream[Any]) -> list[Stream[Any]]:
    """Return the streams whose rows a stream reads, those that are read first before others."""
    found: list[Stream[Any]] = []
    for source in (stream.parent_stream, stream.raw_from):
        if source is not None:
            made = source(stream.plugin_name) if isinstance(source, type) else source
            found += [*_sources(made), made]
    return found


def _quarantined(ctx: Context, stream: Stream[Any]) -> list[str]:
    table = quarantine_table(stream.plugin_name)
    columns = [table.c.verb, table.c.reason]
    mine = table.c.stream == stream_name(stream)
    return [
        f"{verb}: {reason}"
        for batch in read_batches(ctx.store, table, columns, where=mine)
        for verb, reason in batch
    ]


def _differences(rows: list[Any], expected: list[Any]) -> list[str]:
    found: list[str] = []
    for number, (row, wanted) in enumerate(zip_longest(rows, expected), 1):
        if wanted is None:
            found.append(f"row {number} is one too many: {row!r}")
        elif row is None:
            found.append(f"row {number} is missing: {wanted!r}")
        elif type(row) is not type(wanted):
            names = (type(row).__name__, type(wanted).__name__)
            found.append(f"row {number} is a {names[0]}, not a {names[1]}: {row!r}")
        else:
            for name in type(row).model_fields:
                ours, theirs = getattr(row, name), getattr(wanted, name)
                if _stored(ours) != _stored(theirs):
                    place = f"row {number}, {type(row).__name__}.{name}"
                    found.append(f"{place} is {ours!r}, not {theirs!r}")
    return found


def _stored(value: Any) -> Any:
    """Return a value as it is stored: a time without a zone is one of UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value
