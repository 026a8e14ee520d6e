"""Options that many commands have, and how they are told to the session."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from devlake_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem

F = TypeVar("F", bound="Callable[..., Any]")


def _note(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def note(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
        session: Any = ctx.find_object(object)
        if value and session is not None and not ctx.resilient_parsing:
            setattr(session, name, value)
            if name == "debug":
                from .streams import log_all

                log_all()

    return note


def debug_option(command: F) -> F:
    """Add ``--debug``."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_note("debug"),
        help="Log everything and show tracebacks.",
    )(command)


def json_option(command: F) -> F:
    """Add ``--json`` (and ``--debug``, which every command has)."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_note("json"),
        help="Answer in JSON.",
    )(debug_option(command))


def db_option(command: F) -> F:
    """Add ``--db``."""
    return click.option(
        "--db",
        metavar="URL",
        expose_value=False,
        callback=_note("db"),
        help="The database, without its password (asked for, or in DEVLAKE_DB_URL).  "
        "[default: sqlite:///devlake.db]",
    )(command)


def connection_option(command: F) -> F:
    """Add ``--connection``."""
    return click.option(
        "--connection",
        metavar="NAME",
        help="Name or id of the connection; not needed if there is one.",
    )(command)


def plugin_names(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the installed plugins for the shell's completion, from their metadata."""
    from click.shell_completion import CompletionItem

    from devlake_core.plugin import discovery

    return [
        CompletionItem(record.name, help=record.summary)
        for record in discovery.found()
        if record.kind == "plugin" and record.usable and record.name.startswith(incomplete)
    ]


def plugin_argument(command: F) -> F:
    """Add the argument PLUGIN."""
    return click.argument("plugin", shell_complete=plugin_names)(command)


def no_such(what: str, name: str, known: Iterable[str], where: str = "") -> NoReturn:
    """Say that a thing does not exist, with near matches or all there are.

    Args:
        what: the kind of thing.
        name: the name that was asked for.
        known: the names that there are.
        where: where it was looked for.

    Raises:
        UsageError: always.
    """
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, names, 3)
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is {shown or 'none yet'}"
    message = f"there is no {what} {name!r}{where}"
    raise UsageError(message, hint=hint)
