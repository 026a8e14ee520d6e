"""Streams that say what to ask; paging, checkpoints and the cursor are the framework's."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic

from .base import ModelT, ParentT, Stream, Substream
from .cursor import Cursor, dump, later, parse
from .record import Checkpoint, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.api import Paginator, Request

    from .context import Context


class _Paged(Stream[ModelT]):
    """Share what both kinds of REST streams have."""

    if TYPE_CHECKING:

        @property
        def cursor(self) -> Cursor | None: ...
        @property
        def paginator(self) -> Paginator | str | None: ...
    else:
        cursor = None
        paginator = None

    def _read(self, state: dict[str, Any], ctx: Context, *parent: Any) -> Iterator[Any]:
        """Yield the records of all pages, and a checkpoint after each page.

        The state holds ``cursor`` (how far everything before was read) and, within a pass,
        ``page`` (where to go on), ``since`` (what the pass asked for), ``high`` (the greatest
        value seen) and ``limit`` (what the cursor must not pass, from the pass's beginning on).
        """
        cursor = self.cursor
        ascending = cursor is not None and cursor.order == "asc"
        began = parse(state.get("since" if "page" in state else "cursor"))
        high = parse(state.get("high", dump(began)))
        limit = parse(state.get("limit"))
        ctx.since = began
        request = self.request(ctx, *parent)  # type: ignore[attr-defined]
        pages = ctx.api.pages(
            request,
            records=self.records,
            paginator=self.paginator,
            start_token=state.get("page"),
        )
        for number, page in enumerate(pages):
            if number == 0 and cursor is not None and limit is None:
                limit = _signpost(page.response, cursor)
            url = page.response.get_url_with_query_string()
            for data in page.raw_records():
                yield Record(data, url), state
            if cursor is not None:
                high = cursor.greatest(page.records, high)
            if page.next_token is None:
                break
            state = {"page": page.next_token, "since": dump(began)}
            if cursor is not None:
                state |= {"high": dump(high), "limit": dump(limit)}
                if ascending:
                    state["cursor"] = dump(_at_most(high, limit))
            yield Checkpoint(state)
        yield Checkpoint(_final(cursor, high, limit, began))


def _final(cursor: Cursor | None, high: Any, limit: Any, began: Any) -> dict[str, Any]:
    """Return the state that a complete pass leaves: the cursor, or nothing."""
    if cursor is None or high is None:
        return {}
    # A signpost before the last cursor must not send the stream back.
    return {"cursor": dump(later(_at_most(high, limit), began))}


def _at_most(value: Any, limit: Any) -> Any:
    if isinstance(value, datetime) and isinstance(limit, datetime):
        return min(value, limit)
    return value


def _signpost(response: Any, cursor: Cursor) -> datetime | None:
    """Return the tool's own time less the overlap; None where it does not tell the time."""
    date = response.headers.get("Date")
    if not date:
        return None
    try:
        now = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (now if now.tzinfo else now.replace(tzinfo=UTC)) - cursor.overlap


class RestStream(_Paged[ModelT]):
    """Read all pages of one request.

    Class attributes:
        records: a JSON pointer to the records in a page; the paginator's items where left out.
        paginator: how to find the next page, or the name of a registered one; the API's where
            left out.
        cursor: the value by which the next run asks only for what is new.
    """

    def request(self, ctx: Context, /) -> Request:
        """Return the first request of a pass; ``ctx.since`` is the cursor's value or None."""
        message = f"stream {self.name!r} has no request()"
        raise NotImplementedError(message)

    def collect(self, state: dict[str, Any], context: Context, /) -> Iterator[Any]:
        """Yield the records of all pages."""
        return self._read(state, context)


class RestSubstream(_Paged[ModelT], Substream[ModelT, ParentT], Generic[ModelT, ParentT]):
    """Read all pages of one request for each parent."""

    def request(self, ctx: Context, parent: ParentT, /) -> Request:
        """Return the first request for a parent; ``ctx.since`` is its cursor's value or None."""
        message = f"stream {self.name!r} has no request()"
        raise NotImplementedError(message)

    def collect(self, state: dict[str, Any], context: Context, parent: ParentT, /) -> Iterator[Any]:
        """Yield the records of all pages of one parent."""
        return self._read(state, context, parent)
