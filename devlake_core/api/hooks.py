"""The author's own hooks: methods of an API class that see each request and response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")
_MARK = "__devlake_hook__"
REQUEST, RESPONSE = "request", "response"


class _Abort:
    """Stand for "send nothing" or "use nothing of this"."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "ABORT"


ABORT: Any = _Abort()
"""What a hook returns to stop its request; ``send`` then returns it too. It is falsy."""


def request_hook(method: F) -> F:
    """Run a method of an API class on each request, in order of declaration.

    It may change the request, return another one, ``ABORT``, or None.
    """
    setattr(method, _MARK, REQUEST)
    return method


def response_hook(method: F) -> F:
    """Run a method of an API class on each response, in order of declaration.

    It may return another response, a ``Resolution``, ``ABORT``, or None.
    """
    setattr(method, _MARK, RESPONSE)
    return method


def hooks_of(api: Any, kind: str) -> Iterator[Callable[[Any], Any]]:
    """Yield an API's hooks: those of base classes first, then in order of declaration.

    A hook that a subclass overrides runs once, in the place of the one it replaces, with or
    without the decorator; one that it sets to None does not run.
    """
    seen: set[str] = set()
    for klass in reversed(type(api).__mro__):
        for name, value in vars(klass).items():
            if name in seen or getattr(value, _MARK, None) != kind:
                continue
            seen.add(name)
            hook = getattr(api, name)
            if hook is not None and getattr(hook, _MARK, kind) == kind:
                yield hook
