"""Read the arguments of a call: JSON texts, checked before any plugin sees them.

What is wrong is named by position and meaning, never by content: a connection holds secrets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import from_json

from devlake_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BAD_ARGUMENT = 65
"""The exit status for an argument that cannot be read."""

_MAPPINGS = ("scope", "connection", "scope_config", "options")


class Given(NamedTuple):
    """Be the arguments of a call.

    Attributes:
        config: what the server says to every call; None if it was left out.
        values: the method's own arguments; one that may be left out has its default.
    """

    config: dict[str, Any] | None
    values: tuple[Any, ...]


class _Kind(NamedTuple):
    meaning: str
    read: Callable[[str, str], Any]
    default: Any = None
    optional: bool = False


def read(method: str, arguments: Sequence[str]) -> Given:
    """Return what a method is called with.

    Args:
        method: one of the methods of the wire.
        arguments: what follows it, the server's config first if it is there.

    Raises:
        UsageError: there are too many or too few (exit status 2), or one cannot be read (65).
    """
    kinds = _KINDS[method]
    least, most = sum(not kind.optional for kind in kinds), len(kinds)
    config = _config(arguments, most)
    own = list(arguments) if config is None else list(arguments[1:])
    first = len(arguments) - len(own) + 1
    if not least <= len(own) <= most:
        wanted = " and ".join(
            kind.meaning + (" (may be left out)" if kind.optional else "") for kind in kinds
        )
        message = f"{method} takes {wanted or 'no argument'}; {len(own)} given"
        hint = 'each is one JSON document, before them perhaps {"log_level": "…"}'
        raise UsageError(message, hint=hint)
    values = [
        kind.read(text, f"argument {number} ({kind.meaning})")
        for number, (kind, text) in enumerate(zip(kinds, own, strict=False), first)
    ]
    return Given(config, (*values, *(kind.default for kind in kinds[len(own) :])))


def glance(method: str, arguments: Sequence[str]) -> tuple[str, str]:
    """Return the names of stream and scope that a call is about, as far as they can be read."""
    try:
        found = read(method, arguments).values
    except (UsageError, KeyError):
        # The call failed because of it, and says so itself.
        return "", ""
    if len(found) != 2 or not isinstance(found[0], dict) or "db_url" not in found[0]:
        return "", ""
    scope = found[0].get("scope") or {}
    return str(found[1]), str(scope.get("id", ""))


def _config(arguments: Sequence[str], most: int) -> dict[str, Any] | None:
    """Return the server's config, if the first argument is one."""
    if not arguments:
        return None
    try:
        found = _decoded(arguments[0], "argument 1 (config)")
    except UsageError:
        if len(arguments) > most:
            raise
        # It is the method's first: read again under that name.
        return None
    return found if isinstance(found, dict) and not found.keys() - {"log_level"} else None


def _decoded(text: str, place: str) -> Any:
    try:
        return from_json(text.encode(), allow_inf_nan=False)
    except UnicodeEncodeError:
        problem = "is no UTF-8"
    except ValueError as error:
        where = re.search(r"line \d+ column \d+", str(error))
        deep = "recursion" in str(error)
        problem = "is nested too deep" if deep else f"is no JSON{_at(where)}"
    # Outside of the except block: the chained error would carry the text.
    raise _bad(place, problem)


def _at(where: re.Match[str] | None) -> str:
    return f": see {where[0]}" if where else ""


def _bad(place: str, problem: str) -> UsageError:
    return UsageError(f"{place} {problem}", exit_code=BAD_ARGUMENT)


def _mapping(text: str, place: str) -> dict[str, Any]:
    found = _decoded(text, place)
    if not isinstance(found, dict):
        raise _bad(place, "is no JSON object")
    return found


def _context(text: str, place: str) -> dict[str, Any]:
    found = _mapping(text, place)
    for name in _MAPPINGS:
        if not isinstance(found.get(name), dict | None):
            raise _bad(place, f'has a "{name}" that is no JSON object')
    if not isinstance(found.setdefault("db_url", ""), str | None):
        raise _bad(place, 'has a "db_url" that is no text')
    return found


def _pairs(text: str, place: str) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    found = _decoded(text, place)
    fits = isinstance(found, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], dict)
        and isinstance(pair[1], dict | None)
        for pair in found
    )
    if not fits:
        raise _bad(place, "is no list of pairs of a scope and a config or null")
    return [(scope, config) for scope, config in found]


def _name(text: str, place: str) -> str:
    """Return a name: a JSON string, or the bare word that a person writes at a shell."""
    if text[:1] in {'"', "{", "["} or not text.isprintable():
        found = _decoded(text, place)
        if not isinstance(found, str):
            raise _bad(place, "is no text")
        return found
    return "" if text == "null" else text


_CONNECTION = _Kind("connection", _mapping)
_SUBTASK = (_Kind("task context", _context), _Kind("stream's name", _name))
_KINDS: dict[str, tuple[_Kind, ...]] = {
    "plugin-info": (),
    "test-connection": (_CONNECTION,),
    "remote-scopes": (_CONNECTION, _Kind("group's id", _name, "", optional=True)),
    "make-pipeline": (_Kind("scopes with their configs", _pairs), _CONNECTION),
    "collect": _SUBTASK,
    "extract": _SUBTASK,
    "convert": _SUBTASK,
}
