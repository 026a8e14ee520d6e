"""A tool whose answers follow from scope and phase alone, and streams that read it.

Each *phase* is a later state of the same tool: 1 is the beginning, in 2 some records have changed
and some are new, in 3 some have vanished. A phase's number stands in the context's options.
"""

import mmap
import struct
from typing import Any

import devlake_core.model as m
from devlake_core.stream import Checkpoint, Stream, Substream

__devlake_plugin__ = "world"

SIZE = 300
ASKED = mmap.mmap(-1, 8)
"""How many issues were asked for; shared with killed children, which cannot report."""


class Board(m.ToolScope, table=True):
    """A board."""


class Issue(m.ToolModel, table=True):
    """An issue of a board."""

    id: int = m.Field(primary_key=True)
    title: str
    points: float | None = None


class Change(m.ToolModel, table=True):
    """A change of an issue, found inside the issue's record."""

    id: int = m.Field(primary_key=True)
    issue_id: int = m.Field(parent="id")
    field_name: str


class Comment(m.ToolModel, table=True):
    """A comment on an issue."""

    id: int = m.Field(primary_key=True)
    issue_id: int = m.Field(parent="id")
    body: str


class Ticket(m.DomainModel, table=True):
    """The domain row of an issue."""

    __tablename__ = "world_tickets"
    title: str | None
    points: float | None = None


class TicketEvent(m.DomainModel, table=True):
    """The domain row of changes and comments, so that two streams write one table."""

    __tablename__ = "world_events"
    ticket_id: str | None
    what: str | None


DOMAIN = (Ticket, TicketEvent)
TABLES = (Issue, Change, Comment, Ticket, TicketEvent)


def issue(number: int, title: str, changes: int) -> dict[str, Any]:
    """Return an issue's record."""
    inside = [{"id": number * 10 + n, "fieldName": f"f{n}"} for n in range(changes)]
    points = number / 4 if number % 3 else None
    return {"id": number, "title": title, "points": points, "changes": inside}


def log(phase: int, size: int) -> list[dict[str, Any]]:
    """Return what the tool tells of its issues, oldest first."""
    first = [issue(n, f"one {n}", n % 3) for n in range(1, size + 1)]
    second = [issue(n, f"two {n}", (n + 1) % 3) for n in range(1, size + 1, 7)]
    second += [issue(n, f"new {n}", 1) for n in range(size + 1, size + size // 10 + 1)]
    if phase == 1:
        return first
    if phase == 2:
        return first + second
    return [r for r in first + second if r["id"] % 9 != 4]


def comments(phase: int, number: int) -> list[dict[str, Any]]:
    """Return the comments of an issue."""
    if number % 10:
        return []
    found = [{"id": number * 10 + n, "body": f"c {n}"} for n in range(3)]
    if phase >= 2:
        found.append({"id": number * 10 + 5, "body": "later"})
    return found if phase < 3 else found[2:]


class Issues(Stream[Issue]):
    """Issues; the state is the number of records seen, unless the tool cannot go on from one."""

    domain_models = (Ticket,)

    def collect(self, state: dict[str, Any], context: Any) -> Any:
        """Yield the records after a position."""
        advance = context.options.get("advance", True)
        records = log(context.options["phase"], context.options["size"])
        for number in range(state.get("seen", 0), len(records)):
            ASKED[:] = struct.pack("q", struct.unpack("q", ASKED[:])[0] + 1)
            yield records[number], ({"seen": number + 1} if advance else {})
            if number % 40 == 39:
                yield Checkpoint({"seen": number + 1} if advance else {})

    def convert(self, issue: Issue, ctx: Any) -> Any:
        """Give the ticket."""
        return Ticket(title=issue.title, points=issue.points)


class Changes(Stream[Change]):
    """Changes, from the issues' raw rows."""

    raw_from, records = Issues, "/changes"
    domain_models = (TicketEvent,)

    def convert(self, change: Change, ctx: Any) -> Any:
        """Give the event."""
        ticket = ctx.domain_id(Issue, change.issue_id)
        return TicketEvent(ticket_id=ticket, what=change.field_name)


class Comments(Substream[Comment, Issue]):
    """Comments of each issue."""

    parent_stream = Issues
    domain_models = (TicketEvent,)

    def collect(self, state: dict[str, Any], context: Any, parent: Issue) -> Any:
        """Yield one issue's comments after a position."""
        advance = context.options.get("advance", True)
        for number, record in enumerate(comments(context.options["phase"], parent.id)):
            if number >= state.get("seen", 0):
                yield record, ({"seen": number + 1} if advance else {})

    def convert(self, comment: Comment, ctx: Any) -> Any:
        """Give the event."""
        ticket = ctx.domain_id(Issue, comment.issue_id)
        return TicketEvent(ticket_id=ticket, what=comment.body)


STREAMS = [Issues, Changes, Comments]
