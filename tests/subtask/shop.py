"""A small tracker for the tests of the data path: its data stand in a module, as a tool's would."""

from typing import Any, ClassVar

import devlake_core.model as m
from devlake_core.stream import Stream, Substream

__devlake_plugin__ = "market"


class Board(m.ToolScope, table=True):
    """A board."""


class Issue(m.ToolModel, table=True):
    """An issue of a board."""

    id: int = m.Field(primary_key=True)
    title: str
    done: bool = False


class Change(m.ToolModel, table=True):
    """A change of an issue, found inside the issue's record."""

    id: int = m.Field(primary_key=True)
    issue_id: int = m.Field(parent="id")
    field_name: str


class Person(m.ToolModel, table=True, shared=True):
    """Somebody whom several issues name."""

    id: str = m.Field(primary_key=True)
    nick: str


class Comment(m.ToolModel, table=True):
    """A comment on an issue."""

    id: int = m.Field(primary_key=True)
    issue_id: int = m.Field(parent="id")
    issue_title: str = m.Field(parent="title")
    body: str


class Ticket(m.DomainModel, table=True):
    """The domain row of an issue."""

    __tablename__ = "shop_tickets"
    title: str | None


class TicketChange(m.DomainModel, table=True):
    """The domain row of a change; issues write one too, when they are made."""

    __tablename__ = "shop_ticket_changes"
    ticket_id: str | None
    field_name: str | None


class Account(m.DomainModel, table=True, shared=True):
    """The domain row of a person."""

    __tablename__ = "shop_accounts"
    nick: str | None


DOMAIN = (Ticket, TicketChange, Account)


class Tool:
    """What the tool would answer, by scope; tests change it."""

    issues: ClassVar[dict[str, list[Any]]] = {}
    comments: ClassVar[dict[int, list[Any]]] = {}
    incremental: ClassVar[bool] = False
    fail_after: ClassVar[int | None] = None
    asked: ClassVar[list[Any]] = []

    @classmethod
    def reset(cls) -> None:
        """Forget everything."""
        cls.issues, cls.comments, cls.asked = {}, {}, []
        cls.incremental, cls.fail_after = False, None


class Broken(RuntimeError):
    """What a tool that breaks raises."""


class Issues(Stream[Issue]):
    """Issues; the state is the number of records seen, where the tool can go on from there."""

    domain_models = (Ticket, TicketChange)

    def collect(self, state: dict[str, Any], context: Any) -> Any:
        """Yield the issues from a position on."""
        start = state.get("seen", 0)
        Tool.asked.append(("issues", context.scope.id, dict(state), context.incremental))
        for number, record in enumerate(Tool.issues.get(context.scope.id, [])):
            if number < start:
                continue
            if Tool.fail_after is not None and number >= Tool.fail_after:
                raise Broken
            yield record, ({"seen": number + 1} if Tool.incremental else {})

    def extract(self, raw: Any, ctx: Any) -> Any:
        """Leave out what the config or the record itself says."""
        if raw.get("hidden") or raw["id"] in getattr(ctx.scope_config, "leave_out", []):
            return None
        return raw

    def convert(self, issue: Issue, ctx: Any) -> Any:
        """Give the ticket and the change that made it."""
        if issue.title == "fails in convert":
            raise KeyError(issue.title)
        yield Ticket(title=issue.title)
        yield TicketChange(id=f"made:{issue.id}", ticket_id=issue.domain_id(), field_name="created")


class Changes(Stream[Change]):
    """Changes, from the issues' raw rows."""

    raw_from, records = Issues, "/changes"
    domain_models = (TicketChange,)

    def convert(self, change: Change, ctx: Any) -> Any:
        """Give the domain row."""
        return TicketChange(
            ticket_id=ctx.domain_id(Issue, change.issue_id), field_name=change.field_name
        )


class People(Stream[Person]):
    """Whom issues name."""

    raw_from, records = Issues, "/who"
    domain_models = (Account,)

    def convert(self, person: Person, ctx: Any) -> Any:
        """Give the domain row."""
        return [Account(nick=person.nick)]


class Comments(Substream[Comment, Issue]):
    """Comments of each issue."""

    parent_stream = Issues

    def collect(self, state: dict[str, Any], context: Any, issue: Issue) -> Any:
        """Yield one issue's comments."""
        Tool.asked.append(("comments", issue.id, dict(state), context.incremental))
        for number, record in enumerate(Tool.comments.get(issue.id, [])):
            if number >= state.get("seen", 0):
                yield record, ({"seen": number + 1} if Tool.incremental else {})


STREAMS = [Issues, Changes, People, Comments]


def issue(number: int, title: str = "", **more: Any) -> dict[str, Any]:
    """Return an issue's record, with one change in it."""
    changes = more.pop("changes", [{"id": number * 10, "fieldName": "status"}])
    return {"id": number, "title": title or f"t{number}", "changes": changes, **more}
