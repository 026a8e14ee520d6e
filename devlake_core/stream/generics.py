"""Find out which classes an author put into the square brackets of a generic base."""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_origin


def type_argument(cls: type, base: type, position: int) -> Any:
    """Return the class given to a generic base at a position; None where none was given.

    Args:
        cls: the author's class, such as ``class Issues(RestStream[Issue])``.
        base: the generic class of ours that the brackets belong to, such as ``Stream``.
        position: which argument, counted from 0.
    """
    for klass in cls.__mro__:
        for original in getattr(klass, "__orig_bases__", ()):
            origin = get_origin(original)
            if isinstance(origin, type) and issubclass(origin, base):
                args = get_args(original)
                found = args[position] if position < len(args) else None
                if isinstance(found, type):
                    return found
                if not isinstance(found, TypeVar | type(None)):
                    return found
    return None
